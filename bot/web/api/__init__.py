"""``/api/v1``: what people do in Slack, for their programs."""
