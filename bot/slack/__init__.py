"""Slack: what comes in (commands, modals, buttons) and what goes out (cards, notices, files)."""
