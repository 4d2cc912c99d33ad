"""The process on each GPU host: owns the trainings, needs no database and no Slack."""
