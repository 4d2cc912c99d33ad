"""What the agent must still know of an attempt after its own death."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bot.agent.proc_fs import ProcessIdentity
from bot.protocol.messages import AttemptEnd, DesiredAttempt, Instant, StopReason


class SavedCheckpoint(BaseModel):
    """The last resumable checkpoint of an attempt; ``epoch`` counts from 1."""

    model_config = ConfigDict(frozen=True)

    path: str
    epoch: int


class AttemptRecord(BaseModel):
    """One attempt as it is kept on disk; a state, replaced as a whole.

    Attributes:
        desired: what was asked for, with the latest end of the claim.
        server_offset_s: the control plane's clock minus this host's, seconds; claims end by the
            control plane's clock, also while it cannot be asked.
        leader: the trainer process; None until it has been started.
        stop: why it was asked to stop, if it was.
        stop_by_agent: the agent decided so itself, because the claim ends.
        end_ready: the end may be reported: its small artifacts are uploaded or given up for now.
        pending_uploads: artifact names that the control plane does not have yet.
        forget_asked: the control plane has recorded the end.
        forgotten_at: the files are gone; what is left keeps the attempt from being started again.
        sent_epochs: how far the checkpoint is that the control plane has of this attempt.
        resume_given_up: why it does not wait for the checkpoint that it should go on from.
        notes: what its holder should hear of the way to its start, oldest first.
        late_notes: the same of its end.
        checkpoint: what the attempt was given to resume from; once it is forgotten, what is kept
            of it for a later attempt of the same run.
    """

    model_config = ConfigDict(frozen=True)

    format_version: Literal[1] = 1
    desired: DesiredAttempt
    accepted_at: Instant
    server_offset_s: float = 0.0
    leader: ProcessIdentity | None = None
    trainer_started_at: Instant | None = None
    stop: StopReason | None = None
    stop_by_agent: bool = False
    stop_sent_at: Instant | None = None
    kill_sent_at: Instant | None = None
    end: AttemptEnd | None = None
    end_ready: bool = False
    pending_uploads: tuple[str, ...] = ()
    uploaded: tuple[str, ...] = ()
    forget_asked: bool = False
    forgotten_at: Instant | None = None
    checkpoint: SavedCheckpoint | None = None
    sent_epochs: int = 0
    resume_given_up: str = ""
    notes: tuple[str, ...] = ()
    late_notes: tuple[str, ...] = ()

    @property
    def attempt_id(self) -> int:
        """The attempt's id."""
        return self.desired.attempt_id

    def claim_ends_at(self) -> datetime:
        """Return the end of the claim by this host's clock."""
        return self.desired.claim_ends_at - timedelta(seconds=self.server_offset_s)

    def but(self, **changes: object) -> AttemptRecord:
        """Return this record with some fields replaced."""
        return self.model_copy(update=changes)
