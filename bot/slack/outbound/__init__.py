"""What leaves for Slack: the messenger, its rate budget, and what Slack's refusals mean."""
