"""The command ``berth``. Each command loads only its own process: an agent host has no database."""
