"""HTTP: the agents' API, health, and Slack's requests in HTTP mode."""
