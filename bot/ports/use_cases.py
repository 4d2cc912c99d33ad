"""How the asynchronous edges call the synchronous core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class UseCaseRunner(Protocol):
    """Runs one use case as one transaction, off the event loop.

    ``await run(booking.reserve, member, request)`` calls ``booking.reserve(tx, member, request)``
    in a worker thread, commits when it returns and rolls back when it raises.  A transaction that
    lost a race in the database is run again.
    """

    async def __call__(
        self, use_case: Callable[Concatenate[Any, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``use_case`` and return what it returns.

        Raises:
            BerthError: whatever the use case raised.
        """
        ...
