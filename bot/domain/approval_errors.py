"""Errors of approvals and quotas; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.error_branches import Conflict, NotAllowed, NotFound
from bot.domain.limits import Rule


class UnknownApproval(NotFound):
    """There is no request for approval of that number."""

    code = "unknown_approval"

    def __init__(self, approval_id: int | str) -> None:
        super().__init__(approval_id=approval_id)
        self.approval_id = approval_id


class MayNotApprove(NotAllowed):
    """Only a lead of the team or an admin decides; ``approver_slack_ids`` names who may."""

    code = "may_not_approve"

    def __init__(
        self, reservation_id: int, team_name: str, approver_slack_ids: Sequence[str]
    ) -> None:
        super().__init__(
            reservation_id=reservation_id,
            team_name=team_name,
            approver_slack_ids=tuple(approver_slack_ids),
        )
        self.reservation_id = reservation_id
        self.team_name = team_name
        self.approver_slack_ids = tuple(approver_slack_ids)


class OfferOver(Conflict):
    """What was asked of somebody has been decided, withdrawn, or has expired.

    ``offer`` is what it was (``approval``, ``transfer``, ``swap``, ...), ``state`` an `OfferState`.
    """

    code = "offer_over"

    def __init__(self, offer: str, state: str) -> None:
        super().__init__(offer=offer, state=state)
        self.offer = offer
        self.state = state


class OverQuota(Conflict):
    """A team would hold more than it may; ``rules`` says which limit, and what it would come to.

    A rule about length is among them where a reservation would grow beyond what needs approval.
    """

    code = "over_quota"

    def __init__(self, team_name: str, rules: Sequence[Rule]) -> None:
        super().__init__(team_name=team_name, rules=tuple(rules))
        self.team_name = team_name
        self.rules = tuple(rules)
