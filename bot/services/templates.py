"""Trainings that a team keeps under a name, and the same training again."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from bot.domain.errors import (
    BerthError,
    InvalidTemplateName,
    NoTraining,
    NotYourTemplate,
    TemplateTaken,
    UnknownReservation,
    UnknownTemplate,
)
from bot.domain.gpu_types import type_name
from bot.domain.people import Member
from bot.domain.priority import Priority
from bot.domain.templates import PastRun, SameAgain, TemplateView, template_name
from bot.domain.time_window import TimeWindow
from bot.services import audit, placing, roles
from bot.services.placing import Wish
from bot.services.transaction import Tx, reads_only
from bot.services.views import spec_from_json
from bot.store.claims import load_calendar
from bot.store.process_tables import TemplateRow
from bot.store.tables import ReservationRow, RunRow

MOST_TEMPLATES = 100
"""More than fit into one menu of a form help nobody."""


def save(tx: Tx, member: Member, name: str, reservation_id: int) -> TemplateView:
    """Keep the training of a reservation as a template of the member's team.

    The name may be written with its ``@``.  One that the member has used already, or any of the
    team for its lead or an admin, is given to this training from now on; saving the same again
    changes nothing.

    Raises:
        NotPermitted: viewers may not.
        InvalidTemplateName: that is no name.
        UnknownReservation: there is none of that number.
        NoTraining: it carries none.
        TemplateTaken: the name is that of somebody else's template.
    """
    roles.require_may_book(member)
    checked = template_name(name)
    if checked is None:
        raise InvalidTemplateName(name)
    row = _with_training(tx, reservation_id)
    assert row.run is not None  # noqa: S101 - narrows the type: `_with_training` has looked
    template = tx.session.scalar(
        select(TemplateRow)
        .where(TemplateRow.team_id == member.team_id, TemplateRow.name == checked)
        .with_for_update()
    )
    spec, gpu_count = dict(row.run.spec), len(row.claims)
    if template is None:
        template = TemplateRow(
            team_id=member.team_id, name=checked, created_at=tx.now, member_id=member.member_id
        )
        tx.session.add(template)
    elif not member.may_change(
        holder_member_id=template.member_id, team_id=template.team_id
    ) and not _is(template, spec, gpu_count):
        raise TemplateTaken(checked, template.member.slack_user_id)
    if template.id is not None and _is(template, spec, gpu_count):
        return _view(template)
    template.spec, template.gpu_count, template.changed_at = spec, gpu_count, tx.now
    template.member_id = member.member_id
    tx.session.flush()
    tx.session.refresh(template)
    audit.record(
        tx,
        audit.by_member(member),
        "template.saved",
        ("template", template.id),
        name=checked,
        team=member.team_name,
        reservation_id=reservation_id,
        spec=spec,
        gpu_count=gpu_count,
    )
    return _view(template)


def _is(template: TemplateRow, spec: dict[str, object], gpu_count: int) -> bool:
    return spec_from_json(template.spec) == spec_from_json(spec) and template.gpu_count == gpu_count


def delete(tx: Tx, member: Member, name: str) -> TemplateView:
    """Forget a template of the member's team, and return what it was.

    Raises:
        UnknownTemplate: the team has none of that name.
        NotYourTemplate: only who saved it, a lead of the team or an admin may.
    """
    template = _find(tx, member, name)
    if not member.may_change(holder_member_id=template.member_id, team_id=template.team_id):
        raise NotYourTemplate(template.name, template.member.slack_user_id)
    view = _view(template)
    tx.session.delete(template)
    audit.record(
        tx,
        audit.by_member(member),
        "template.deleted",
        ("template", view.template_id),
        name=view.name,
        team=view.team_name,
        spec=dict(template.spec),
    )
    return view


@reads_only
def of_team(tx: Tx, member: Member) -> tuple[TemplateView, ...]:
    """Return the templates of the member's team by name, at most `MOST_TEMPLATES`."""
    rows = tx.session.scalars(
        select(TemplateRow)
        .where(TemplateRow.team_id == member.team_id)
        .order_by(TemplateRow.name)
        .limit(MOST_TEMPLATES)
    )
    return tuple(_view(row) for row in rows)


@reads_only
def find(tx: Tx, member: Member, name: str) -> TemplateView:
    """Return a template of the member's team, by its name with or without ``@``.

    Raises:
        UnknownTemplate: the team has none of that name; carries the names that it has.
    """
    return _view(_find(tx, member, name))


def _find(tx: Tx, member: Member, name: str) -> TemplateRow:
    wanted = template_name(name)
    row = tx.session.scalar(
        select(TemplateRow).where(
            TemplateRow.team_id == member.team_id, TemplateRow.name == (wanted or "")
        )
    )
    if row is None:
        known = tuple(view.name for view in of_team(tx, member))
        raise UnknownTemplate(wanted or name, known)
    return row


def _view(row: TemplateRow) -> TemplateView:
    return TemplateView(
        template_id=row.id,
        name=row.name,
        team_name=row.team.name,
        spec=spec_from_json(row.spec),
        gpu_count=row.gpu_count,
        by_slack_id=row.member.slack_user_id,
        changed_at=row.changed_at,
    )


@reads_only
def past_run(tx: Tx, member: Member, reservation_id: int | None = None) -> PastRun:
    """Return the training of a reservation, or the last one that the member has booked.

    Raises:
        UnknownReservation: there is none of that number.
        NoTraining: it carries none, or the member has booked none.
    """
    if reservation_id is None:
        reservation_id = tx.session.scalar(
            select(ReservationRow.id)
            .join(RunRow, RunRow.reservation_id == ReservationRow.id)
            .where(ReservationRow.member_id == member.member_id)
            .order_by(ReservationRow.id.desc())
            .limit(1)
        )
        if reservation_id is None:
            raise NoTraining(None)
    return _past(tx, _with_training(tx, reservation_id))


def _with_training(tx: Tx, reservation_id: int) -> ReservationRow:
    row = tx.session.get(ReservationRow, reservation_id)
    if row is None:
        raise UnknownReservation(reservation_id)
    if row.run is None:
        raise NoTraining(reservation_id)
    return row


def _past(tx: Tx, row: ReservationRow) -> PastRun:
    assert row.run is not None  # noqa: S101 - narrows the type: the callers have looked
    types = {type_name(claim.gpu.model) for claim in row.claims}
    return PastRun(
        reservation_id=row.id,
        spec=spec_from_json(row.run.spec),
        gpu_count=len(row.claims),
        gpu_type=types.pop().lower() if len(types) == 1 else None,
        length=_whole_slots(tx, row.ends_at - row.starts_at),
        priority=Priority(row.priority),
        preemptible=row.preemptible,
        note=row.note,
    )


def _whole_slots(tx: Tx, length: timedelta) -> timedelta:
    """Return a length that can be chosen: whole slots, not beyond the longest reservation."""
    slot = tx.policy.slot
    slots = -(-length // slot)
    return min(max(slots, 1) * slot, tx.policy.longest_reservation // slot * slot)


@reads_only
def same_again(tx: Tx, member: Member, reservation_id: int | None = None) -> SameAgain:
    """Return a past training with the nearest window in which it fits again; nothing is booked.

    Raises:
        UnknownReservation: there is none of that number.
        NoTraining: it carries none, or the member has booked none.
    """
    past = past_run(tx, member, reservation_id)
    request = past.request()
    calendar = load_calendar(tx.session, tx.now, placing.last_end(tx))
    try:
        wish = Wish.of(request, calendar)
    except BerthError:  # its GPUs are gone: what stands in the form is refused with the reason
        return SameAgain(past, None)
    window = placing.window_of(tx, request)
    gpus = placing.find(tx, member, wish, window, calendar)
    if gpus is None:
        grid = tx.policy.grid
        begin = grid.floor(window.start)
        later = wish.narrow(calendar).nearest_windows(
            wish.count,
            TimeWindow(begin, grid.ceil(begin + wish.length)),
            grid=grid,
            one_host=wish.one_host,
            last_start=tx.now + tx.policy.horizon,
            limit=1,
        )
        if not later:
            return SameAgain(past, None)
        window = later[0].window
        gpus = placing.find(tx, member, wish, window, calendar)
    return SameAgain(past, window, gpus or ())
