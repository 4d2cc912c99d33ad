"""What the form of a training needs, read in one go: a click leaves three seconds to open it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from bot.domain.forecast import Span
from bot.domain.gpu_types import known_types, matching_models
from bot.domain.pace import PaceEstimate
from bot.domain.people import Member
from bot.domain.planning import needed_length
from bot.domain.run_spec import TrainingSpec
from bot.domain.templates import SameAgain, TemplateView
from bot.domain.views import BookingForm
from bot.services import queries, run_lengths, templates
from bot.services.transaction import Tx, reads_only
from bot.store.tables import ReservationRow, RunRow


@dataclass(frozen=True, slots=True)
class LengthHint:
    """How long a training takes by what has run before, and the length to book for it."""

    span: Span
    estimate: PaceEstimate
    length: timedelta


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a training before its form is opened."""

    spec: TrainingSpec
    gpu_count: int
    gpu_type: str | None = None


@dataclass(frozen=True, slots=True)
class TrainFormData:
    """What stands in the form, and may be put into it.

    ``has_last`` tells whether the member has booked a training before; ``chosen`` is the template
    that was asked for, ``again`` the past training in its nearest window, ``hint`` how long what
    stands in the form takes, None where nothing is known of it.
    """

    form: BookingForm
    templates: tuple[TemplateView, ...]
    has_last: bool
    chosen: TemplateView | None = None
    again: SameAgain | None = None
    hint: LengthHint | None = None


@reads_only
def form(
    tx: Tx,
    member: Member,
    *,
    template: str | None = None,
    again: bool = False,
    reservation_id: int | None = None,
    known: Known | None = None,
) -> TrainFormData:
    """Return what the form needs; with ``again`` a past training, the last one by default.

    ``known`` is what will stand in the form, where that is neither a template nor a past training.

    Raises:
        UnknownTemplate: the team has no template of that name.
        UnknownReservation: there is no reservation of that number.
        NoTraining: it carries none, or the member has booked none.
    """
    booking_form = queries.booking_form(tx)
    chosen = templates.find(tx, member, template) if template else None
    same = templates.same_again(tx, member, reservation_id) if again else None
    if chosen is not None:
        known = Known(chosen.spec, chosen.gpu_count)
    elif same is not None:
        known = Known(same.past.spec, same.past.gpu_count, same.past.gpu_type)
    return TrainFormData(
        form=booking_form,
        templates=templates.of_team(tx, member),
        has_last=_has_last(tx, member),
        chosen=chosen,
        again=same,
        hint=_hint(tx, booking_form, known) if known is not None else None,
    )


def _hint(tx: Tx, form: BookingForm, known: Known) -> LengthHint | None:
    gpu_type = _type(form, known.gpu_type)
    if gpu_type is None:
        return None
    estimate = run_lengths.estimate(tx, known.spec, gpu_type, known.gpu_count)
    if estimate is None:
        return None
    span = estimate.length_of(known.spec.epochs)
    slots = -(-needed_length(span, tx.policy.stop_lead) // form.slot)
    length = min(max(slots, 1) * form.slot, form.longest // form.slot * form.slot)
    return LengthHint(span, estimate, length)


def _type(form: BookingForm, wanted: str | None) -> str | None:
    """Return the one type of GPU that it will run on, None where it could be several."""
    meant = matching_models(wanted, form.gpu_models) if wanted else form.gpu_models
    names = known_types(meant)
    return names[0] if len(names) == 1 else None


def _has_last(tx: Tx, member: Member) -> bool:
    found = tx.session.scalar(
        select(RunRow.id)
        .join(ReservationRow, ReservationRow.id == RunRow.reservation_id)
        .where(ReservationRow.member_id == member.member_id)
        .limit(1)
    )
    return found is not None
