"""Every table at once: whoever compares or creates the whole schema starts here."""

from __future__ import annotations

from bot.store import (
    file_tables,
    forecast_tables,
    incident_tables,
    message_tables,
    offer_tables,
    overrun_tables,
    preemption_tables,
    process_tables,
    run_tables,
    seeing_tables,
    sign_in_tables,
)
from bot.store.tables import Base

ALL_TABLE_MODULES = (
    file_tables,
    forecast_tables,
    incident_tables,
    message_tables,
    offer_tables,
    overrun_tables,
    preemption_tables,
    process_tables,
    run_tables,
    seeing_tables,
    sign_in_tables,
)
"""Importing a module of tables is what makes `Base.metadata` know them."""

__all__ = ["ALL_TABLE_MODULES", "Base"]
