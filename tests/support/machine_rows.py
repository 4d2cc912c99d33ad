"""Every row of a database before and after a transaction, for checks that trust no service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from bot.store.database import Database
from bot.store.every_table import Base

Key = tuple[Any, ...]
Raw = Mapping[Key, tuple[Any, ...]]


@dataclass(frozen=True)
class Snapshot:
    """All rows at one instant: ``raw`` as the driver gives them, ``rows`` as values, by number.

    Only tables whose key is one number are in ``rows``.
    """

    raw: Mapping[str, Raw] = field(default_factory=dict)
    rows: Mapping[str, Mapping[int, Any]] = field(default_factory=dict)

    def all(self, table: str) -> Iterable[Any]:
        """Return every row of a table."""
        return self.rows.get(table, {}).values()

    def of_state(self, table: str, *states: str) -> list[Any]:
        """Return the rows of a table in one of those states, by number."""
        return sorted(
            (row for row in self.all(table) if row.state in states), key=lambda row: int(row.id)
        )

    def one(self, table: str, number: int) -> Any:
        """Return the row of that number, which there must be."""
        return self.rows[table][number]

    @cached_property
    def claims_of(self) -> Mapping[int, list[Any]]:
        """The claims of each reservation, by GPU."""
        found: defaultdict[int, list[Any]] = defaultdict(list)
        for claim in self.all("claims"):
            found[claim.reservation_id].append(claim)
        for claims in found.values():
            claims.sort(key=lambda claim: int(claim.gpu_id))
        return found

    @cached_property
    def run_of(self) -> Mapping[int, Any]:
        """The run of each reservation that has one."""
        return {run.reservation_id: run for run in self.all("runs")}

    @cached_property
    def armed(self) -> Mapping[tuple[str, int], Any]:
        """When each timer that is not done is due, by kind and subject."""
        return {
            (timer.kind, timer.subject_id): timer.due_at
            for timer in self.all("timers")
            if timer.done_at is None
        }

    def changed_in(self, later: Snapshot, table: str) -> list[tuple[Any, Any]]:
        """Return the rows of a table that ``later`` has otherwise: (old or None, new)."""
        mine, theirs = self.rows.get(table, {}), later.rows.get(table, {})
        if mine is theirs:
            return []
        return [
            (mine.get(number), row)
            for number, row in sorted(theirs.items())
            if mine.get(number) is not row
        ]

    def differences(self, later: Snapshot) -> list[str]:
        """Say in words which rows ``later`` has otherwise."""
        return [
            f"{table} {key}: {mine.get(key)} -> {theirs.get(key)}"
            for table in self.raw
            for mine, theirs in [(self.raw[table], later.raw[table])]
            if mine is not theirs
            for key in sorted({*mine, *theirs})
            if mine.get(key) != theirs.get(key)
        ]


@dataclass
class Ledger:
    """Reads snapshots; what has not changed since the one before is shared with it."""

    database: Database
    last: Snapshot = field(default_factory=Snapshot)

    def read(self) -> Snapshot:
        """Return all rows as they are now."""
        self.last = self.database.read(self._read)
        return self.last

    def _read(self, session: Session) -> Snapshot:
        raw: dict[str, Raw] = {}
        rows: dict[str, Mapping[int, Any]] = {}
        for table in Base.metadata.sorted_tables:
            found = _raw(session, table)
            before = self.last.raw.get(table.name)
            if before == found:
                raw[table.name] = before
                if table.name in self.last.rows:
                    rows[table.name] = self.last.rows[table.name]
                continue
            raw[table.name] = found
            if [column.name for column in table.primary_key] == ["id"]:
                known = self.last.rows.get(table.name, {}) if before is not None else {}
                fresh = [
                    key for key, row in found.items() if before is None or before.get(key) != row
                ]
                rows[table.name] = {
                    **{key[0]: known[key[0]] for key in found if key[0] in known},
                    **dict(_typed(session, table, [key[0] for key in fresh])),
                }
        return Snapshot(raw, rows)


def _raw(session: Session, table: Table) -> dict[Key, tuple[Any, ...]]:
    result = session.connection().exec_driver_sql(f'SELECT * FROM "{table.name}"')  # noqa: S608 - our own name
    names = list(result.keys())
    at = [names.index(column.name) for column in table.primary_key]
    return {tuple(row[index] for index in at): tuple(row) for row in result}


def _typed(
    session: Session, table: Table, numbers: Collection[int]
) -> Iterator[tuple[int, SimpleNamespace]]:
    query = select(table).where(table.c.id.in_(list(numbers)))
    for row in session.execute(query).mappings():
        yield row["id"], SimpleNamespace(**row)
