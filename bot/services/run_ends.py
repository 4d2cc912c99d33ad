"""How a run ends: by what was recorded of its attempts, never by a guess."""

from __future__ import annotations

from bot.domain.states import RunState, move_run
from bot.protocol.messages import EndCause, StopReason
from bot.services.transaction import Tx
from bot.store.tables import AttemptRow, RunRow

NEVER_STARTED = "The reservation was over before the run could start."
NEVER_RESUMED = "The reservation was over before the run could go on."

_OF_STOP = {
    StopReason.REQUESTED: RunState.STOPPED,
    StopReason.PREEMPTED: RunState.PREEMPTED,
    StopReason.EXPIRED: RunState.EXPIRED,
}
_OF_CAUSE = {
    EndCause.SUCCEEDED: RunState.SUCCEEDED,
    EndCause.STOPPED: RunState.STOPPED,
    EndCause.EXPIRED: RunState.EXPIRED,
    EndCause.HOST_LOST: RunState.HOST_LOST,
}


def final_state(attempt: AttemptRow, cause: EndCause) -> RunState:
    """Return what an attempt's end makes of its run, if it goes on nowhere.

    An end that was asked for is called by the reason it was asked for, never a failure.
    """
    if cause in (EndCause.STOPPED, EndCause.KILLED) and attempt.stop_reason is not None:
        return _OF_STOP[StopReason(attempt.stop_reason)]
    if cause is EndCause.EXPIRED and attempt.stop_reason == StopReason.PREEMPTED:
        return RunState.PREEMPTED  # its host saw the end of its time before it saw why
    return _OF_CAUSE.get(cause, RunState.FAILED)


def end_unstarted(tx: Tx, run: RunRow, *, cancelled: bool) -> bool:
    """End a run that waits, for its start or for another try, and tell whether it did. Idempotent.

    One that never ran is cancelled or expired; one that has run ends as its last attempt did.
    """
    state = RunState(run.state)
    if state not in (RunState.WAITING, RunState.RETRYING):
        return False
    last = run.attempts[-1] if run.attempts else None
    if last is None or last.end_cause is None:
        run.state = move_run(state, RunState.CANCELLED if cancelled else RunState.EXPIRED)
        run.end_cause = None if cancelled else EndCause.EXPIRED
        run.end_detail = "" if cancelled else NEVER_STARTED
    else:
        run.state = move_run(state, final_state(last, EndCause(last.end_cause)))
        run.end_cause = last.end_cause
        run.end_detail = run.end_detail or NEVER_RESUMED
    run.ended_at = tx.now
    return True
