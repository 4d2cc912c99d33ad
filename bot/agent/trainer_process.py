"""One trainer and everything that it has started, as processes."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.agent.proc_fs import (
    MARK_VARIABLE,
    ProcessIdentity,
    find_members,
    identify,
    is_alive,
    read_boot_id,
    send_signal,
)


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a trainer. ``environment`` is all that it gets, apart from the mark."""

    command: tuple[str, ...]
    folder: Path
    log: Path
    environment: Mapping[str, str]
    mark: str


class TrainerProcess:
    """A trainer that this agent started, or found running after its own restart."""

    def __init__(
        self,
        leader: ProcessIdentity | None,
        mark: str,
        child: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self.leader = leader
        self._mark = f"{MARK_VARIABLE}={mark}"
        self._child = child
        self._boot_id = read_boot_id()

    @classmethod
    def launch(cls, launch: Launch) -> TrainerProcess:
        """Start the trainer in a session of its own, so that it outlives the agent.

        Raises:
            OSError: it could not be started.
        """
        environment = {**launch.environment, MARK_VARIABLE: launch.mark}
        with launch.log.open("ab") as log:
            child = subprocess.Popen(  # noqa: S603 - an argument list of the operator, no shell
                launch.command,
                cwd=launch.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(identify(child.pid, read_boot_id()), launch.mark, child)

    @classmethod
    def find(cls, leader: ProcessIdentity | None, mark: str) -> TrainerProcess:
        """Take up a trainer of an earlier agent, by its identity or else by its mark.

        The mark finds the trainer of an agent that died between starting and recording it.
        """
        if leader is None:
            members = find_members(None, f"{MARK_VARIABLE}={mark}", read_boot_id())
            leader = min(members, key=lambda member: (member.start_ticks, member.pid), default=None)
        return cls(leader, mark)

    @property
    def same_boot(self) -> bool:
        """Whether the host has not been restarted since the trainer was."""
        return self.leader is None or self.leader.boot_id == self._boot_id

    def leader_is_alive(self) -> bool:
        """Tell whether the trainer itself runs; reaps it when it has ended."""
        if self._child is not None and self._child.poll() is not None:
            return False
        return self.leader is not None and is_alive(self.leader, self._boot_id)

    @property
    def exit_code(self) -> int | None:
        """The trainer's exit status, negative for a signal, where this agent was its parent."""
        return None if self._child is None else self._child.poll()

    def members(self) -> tuple[ProcessIdentity, ...]:
        """Return every process of the training that still runs, the trainer among them."""
        return find_members(self.leader, self._mark, self._boot_id)

    def stop_softly(self) -> bool:
        """Send SIGTERM to the trainer alone and tell whether it was there.

        Its workers would die of the signal before it has written its checkpoint.
        """
        return self.leader is not None and send_signal(self.leader, signal.SIGTERM, self._boot_id)

    def kill(self) -> int:
        """Send SIGKILL to every process of the training and return how many there were."""
        members = self.members()
        for member in members:
            send_signal(member, signal.SIGKILL, self._boot_id)
        return len(members)
