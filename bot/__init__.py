"""Berth: machine-learning teams share GPUs from Slack."""

__version__ = "0.1.0"
