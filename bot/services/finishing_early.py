"""Fit to the slot: a run that would be late stops after its last epoch that fits.

The number of epochs of a run cannot change once it has begun (its learning rate follows it), so
this is an end before the end: the run is stopped by request at epoch N of M, and its best weights
are its result.  See docs/adr/0014.
"""

from __future__ import annotations

from datetime import datetime

from bot.domain.errors import NoRunToFit, ReservationOver
from bot.domain.forecast import forecast_left
from bot.domain.forecast_notices import RunFinishesEarly
from bot.domain.people import Member
from bot.domain.progress import Progress
from bot.domain.states import ReservationState, RunState
from bot.domain.views import ReservationView
from bot.protocol.messages import AttemptEnd, StopReason
from bot.services import audit, continuing, outbox, stopping
from bot.services.access import lock_to_change
from bot.services.transaction import Tx
from bot.services.views import reservation_view, run_progress
from bot.store.forecast_tables import ForecastWatchRow
from bot.store.tables import ReservationRow, RunRow


def fit_to_slot(tx: Tx, member: Member, reservation_id: int) -> ReservationView:
    """Let a run stop after the last epoch that fits into its reservation.

    Whether another epoch fits is judged after each one, so that a run which becomes faster still
    gets all of its epochs.  A reservation that is planned for the rest is given back.  Asking twice
    changes nothing.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        ReservationOver: it has ended, was cancelled, or is being released.
        NoRunToFit: nothing trains on it that could end early.
    """
    row = lock_to_change(tx, member, reservation_id)
    state = ReservationState(row.state)
    if state is ReservationState.RELEASING:
        raise ReservationOver(reservation_id, state.value)
    if row.run is None or RunState(row.run.state) not in (RunState.STARTING, RunState.RUNNING):
        raise NoRunToFit(reservation_id)
    watch = _watch(tx, row)
    if watch.finish_early_since is not None:
        return reservation_view(row)
    watch.finish_early_since, watch.finish_early_by = tx.now, member.slack_user_id
    continuing.drop(tx, row, "the training ends early instead")
    row.version += 1
    tx.session.flush()
    progress = run_progress(row.run)
    fits = epochs_that_fit(tx, row, progress)
    outbox.show(tx, row)
    outbox.tell_thread(
        tx,
        row,
        RunFinishesEarly(row.id, member.slack_user_id, fits, progress.epochs, row.ends_at),
    )
    audit.record(
        tx,
        audit.by_member(member),
        "run.fit_to_slot",
        ("run", row.run.id),
        reservation_id=row.id,
        epochs=progress.epochs,
        fits_epochs=fits,
    )
    return reservation_view(row)


def epochs_that_fit(tx: Tx, row: ReservationRow, progress: Progress) -> int:
    """Return how many epochs the run will have had, at most all, when it must stop; 0: not known.

    One epoch is kept free: a stop takes effect within the epoch after, on several GPUs at its end.
    """
    left, run = progress.range_left, row.run
    if left is None or run is None or progress.epoch >= progress.epochs:
        return progress.epoch
    last_at = _last_at(run)
    one = left.high / (progress.epochs - progress.epoch)
    time = row.ends_at - tx.policy.stop_lead - last_at
    whole = int(time / one) - 1 if one else progress.epochs
    return min(progress.epochs, progress.epoch + max(0, whole))


def stop_if_full(tx: Tx, row: ReservationRow, progress: Progress) -> bool:
    """Stop a run that is to fit when no other epoch does; return whether it is being stopped.

    The caller has locked the reservation.
    """
    watch = tx.session.get(ForecastWatchRow, row.id)
    if watch is None or watch.finish_early_since is None or row.run is None:
        return False
    if not _is_full(tx, row, progress):
        return True  # it is settled how it ends: nothing more is to be told about lateness
    watch.stopped_after_epoch = progress.epoch
    if stopping.ask_to_stop(tx, row, StopReason.REQUESTED):
        audit.record(
            tx,
            audit.CLOCKWORK,
            "run.stopping",
            ("run", row.run.id),
            reason=f"epoch {progress.epoch} of {progress.epochs} is the last that fits",
        )
        outbox.show(tx, row)
    return True


def _is_full(tx: Tx, row: ReservationRow, progress: Progress) -> bool:
    """Tell whether one more epoch, and the one in which the stop takes effect, no longer fit."""
    run = row.run
    if run is None or progress.epoch >= progress.epochs:
        return False
    usable = [epoch.epoch_s for each in run.attempts for epoch in each.epochs[1:]]
    if not usable:
        return False
    two = forecast_left(2, usable, progress.epochs)
    return _last_at(run) + two.high > row.ends_at - tx.policy.stop_lead


def words_of_end(tx: Tx, run: RunRow, end: AttemptEnd) -> str:
    """Return the sentence for how a run ended: that it stopped to fit, or what its host says."""
    watch = tx.session.get(ForecastWatchRow, run.reservation_id)
    if watch is None or watch.stopped_after_epoch is None or run.state != RunState.STOPPED:
        return end.detail
    epochs = int(run.spec["epochs"])
    done = max(end.epochs_done, watch.stopped_after_epoch)
    return (
        f"Stopped by request at epoch {done} of {epochs}, the last that fitted into the "
        "reservation; the best weights are kept as the result."
    )


def is_set(tx: Tx, row: ReservationRow) -> bool:
    """Tell whether the run of a reservation is to stop after the last epoch that fits."""
    watch = tx.session.get(ForecastWatchRow, row.id)
    return watch is not None and watch.finish_early_since is not None


def _watch(tx: Tx, row: ReservationRow) -> ForecastWatchRow:
    watch = tx.session.get(ForecastWatchRow, row.id)
    if watch is None:
        watch = ForecastWatchRow(reservation_id=row.id, finish_early_by="")
        tx.session.add(watch)
    return watch


def _last_at(run: RunRow) -> datetime:
    return max(epoch.at for attempt in run.attempts for epoch in attempt.epochs)
