"""How Berth looks in Slack: pure functions from values to Block Kit. Nothing is sent here."""
