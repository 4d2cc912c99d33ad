"""Errors that only agents meet; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from bot.domain.error_branches import Conflict, Unavailable


class IncompatibleAgent(Conflict):
    """An agent speaks a version of the protocol that this release no longer understands."""

    code = "incompatible_agent"

    def __init__(self, agent_version: int, oldest_version: int) -> None:
        super().__init__(agent_version=agent_version, oldest_version=oldest_version)
        self.agent_version = agent_version
        self.oldest_version = oldest_version


class StaleFence(Conflict):
    """A message about an attempt that has been replaced or is over."""

    code = "stale_fence"

    def __init__(self, attempt_id: int, fence: int) -> None:
        super().__init__(attempt_id=attempt_id, fence=fence)
        self.attempt_id = attempt_id
        self.fence = fence


class ArtifactDamaged(Unavailable):
    """An uploaded file does not have the digest that was announced; it is sent again."""

    code = "artifact_damaged"

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.name = name
