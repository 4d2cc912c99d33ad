"""What the form of a training needs, read in one go: a click leaves three seconds to open it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from bot.domain.people import Member
from bot.domain.templates import SameAgain, TemplateView
from bot.domain.views import BookingForm
from bot.services import queries, templates
from bot.services.transaction import Tx, reads_only
from bot.store.tables import ReservationRow, RunRow


@dataclass(frozen=True, slots=True)
class TrainFormData:
    """What stands in the form, and may be put into it.

    ``has_last`` tells whether the member has booked a training before; ``chosen`` is the template
    that was asked for, ``again`` the past training in its nearest window.
    """

    form: BookingForm
    templates: tuple[TemplateView, ...]
    has_last: bool
    chosen: TemplateView | None = None
    again: SameAgain | None = None


@reads_only
def form(
    tx: Tx,
    member: Member,
    *,
    template: str | None = None,
    again: bool = False,
    reservation_id: int | None = None,
) -> TrainFormData:
    """Return what the form needs; with ``again`` a past training, the last one by default.

    Raises:
        UnknownTemplate: the team has no template of that name.
        UnknownReservation: there is no reservation of that number.
        NoTraining: it carries none, or the member has booked none.
    """
    return TrainFormData(
        form=queries.booking_form(tx),
        templates=templates.of_team(tx, member),
        has_last=_has_last(tx, member),
        chosen=templates.find(tx, member, template) if template else None,
        again=templates.same_again(tx, member, reservation_id) if again else None,
    )


def _has_last(tx: Tx, member: Member) -> bool:
    found = tx.session.scalar(
        select(RunRow.id)
        .join(ReservationRow, ReservationRow.id == RunRow.reservation_id)
        .where(ReservationRow.member_id == member.member_id)
        .limit(1)
    )
    return found is not None
