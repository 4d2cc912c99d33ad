"""Once a day every team with a Slack user group gets the people of that group.

What Slack is asked happens outside any transaction; the service says which teams are due, and a
day counts from the last time that it was done, so that a restart neither forgets nor doubles it.
"""

from __future__ import annotations

import asyncio

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import BerthError
from bot.ports.use_cases import UseCaseRunner
from bot.services import teams
from bot.slack.identity import Directory
from bot.slack.lookups import group_people

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 900.0


class TeamSync:
    """Looks every quarter of an hour which teams are due.

    Args:
        client: how to ask Slack.
        run: how to call the services.
        look_every_s: seconds between two looks; the first one is at once.
    """

    def __init__(
        self, client: AsyncWebClient, run: UseCaseRunner, look_every_s: float = LOOK_EVERY_S
    ) -> None:
        self._client = client
        self._run = run
        self._look_every_s = look_every_s
        self._directory = Directory(client, run)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, in the running event loop."""
        self._task = asyncio.create_task(self._go_on(), name="team_sync")

    async def stop(self) -> None:
        """Stop looking; what is under way is dropped and done at the next start. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def sync_due(self) -> int:
        """Bring in the groups of all teams that are due, and return of how many it worked."""
        done = 0
        for name, group_id in await self._run(teams.due_for_sync):
            try:
                people = await group_people(self._client, self._directory, group_id)
                await self._run(teams.sync, None, name, group_id, people)
            except BerthError as error:
                log.warning("team_not_synced", team=name, group=group_id, error=str(error))
            else:
                done += 1
        return done

    async def _go_on(self) -> None:
        while True:
            try:
                await self.sync_due()
            except Exception:  # the edge: it is logged, and the next look may work
                log.exception("team_sync_failed")
            await asyncio.sleep(self._look_every_s)
