"""``python -m bot`` is ``berth``."""

from bot.cli.main import main

main()
