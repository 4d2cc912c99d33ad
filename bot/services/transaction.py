"""What every use case is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from bot.domain.policy import Policy
from bot.domain.run_spec import TrainingSpec
from bot.ports.clock import Clock
from bot.store.database import Database

P = ParamSpec("P")
T = TypeVar("T")


_READ_ONLY: set[Callable[..., Any]] = set()


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a newcomer and a bare request get: a team, its channel, a training."""

    team_name: str
    channel_id: str
    run: TrainingSpec


@dataclass(frozen=True, slots=True)
class Tx:
    """One transaction of one use case: the session, the instant it happens at, the rules."""

    session: Session
    now: datetime
    policy: Policy
    defaults: Defaults


@dataclass(frozen=True)
class UseCases:
    """Runs use cases, each in a transaction of its own."""

    database: Database
    clock: Clock
    policy: Policy
    defaults: Defaults

    def run(
        self, use_case: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``use_case`` as it is marked: on a snapshot if it only reads, else in a transaction.

        Raises:
            BerthError: whatever the use case raised.
        """
        call = self.read if is_read_only(use_case) else self.write
        return call(use_case, *args, **kwargs)

    def write(
        self, use_case: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``use_case`` in one transaction and return what it returns.

        Raises:
            BerthError: whatever the use case raised; nothing is kept then.
        """
        return self.database.write(lambda session: use_case(self._tx(session), *args, **kwargs))

    def read(
        self, query: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``query`` on one consistent snapshot and return what it returns.

        Raises:
            BerthError: whatever the query raised.
        """
        return self.database.read(lambda session: query(self._tx(session), *args, **kwargs))

    def _tx(self, session: Session) -> Tx:
        return Tx(session, self.clock.now(), self.policy, self.defaults)


def reads_only(query: Callable[Concatenate[Tx, P], T]) -> Callable[Concatenate[Tx, P], T]:
    """Mark a use case that changes nothing, so that it runs on a snapshot beside the writers."""
    _READ_ONLY.add(query)
    return query


def is_read_only(use_case: Callable[..., Any]) -> bool:
    """Tell whether a use case is marked with `reads_only`."""
    return use_case in _READ_ONLY
