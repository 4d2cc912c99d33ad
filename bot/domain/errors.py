"""Every anticipated error of Berth, as one tree.

::

    BerthError
    ├── InvalidRequest            what was asked makes no sense
    │   ├── UnknownCommand
    │   ├── UnreadableTime
    │   ├── UnreadableRequest
    │   ├── InvalidGpuCount
    │   ├── UnknownGpu
    │   ├── UnknownGpuType
    │   ├── PastStart
    │   ├── TooShort
    │   ├── TooLong
    │   ├── BeyondHorizon
    │   ├── EndNotLater
    │   ├── EndNotEarlier
    │   ├── NothingLeft
    │   ├── NoOccurrenceAhead
    │   ├── TextTooLong
    │   ├── InvalidRunSpec
    │   ├── InvalidTemplateName
    │   ├── InvalidUnixUser
    │   └── InvalidSetting
    ├── NotFound
    │   ├── UnknownReservation
    │   ├── UnknownSeries
    │   ├── UnknownTeam
    │   ├── UnknownPerson
    │   ├── UnknownApproval
    │   ├── UnknownOffer
    │   ├── UnknownHostName
    │   ├── UnknownTemplate
    │   ├── NoTraining
    │   ├── NoSuchAttempt
    │   ├── UnknownRun
    │   ├── NoSuchFile
    │   ├── UnknownIncident
    │   ├── UnknownProcess
    │   ├── UnknownPreemption
    │   └── UnknownHost
    ├── NotAllowed
    │   ├── NotTheHolder
    │   ├── NotTheSeriesHolder
    │   ├── NotPermitted
    │   ├── NotYourTemplate
    │   ├── MayNotApprove
    │   ├── MayNotPreempt
    │   ├── OwnPreemption
    │   ├── CannotReceive
    │   ├── AdminsOnly
    │   ├── LinkOver
    │   ├── SignInRefused
    │   ├── NotFromOurPages
    │   └── TokenRefused
    ├── Conflict                  it made sense, but the world has moved
    │   ├── WindowTaken
    │   ├── NoSingleHost
    │   ├── ReservationOver
    │   ├── NoOccurrenceFits
    │   ├── SeriesOver
    │   ├── TeamExists
    │   ├── LastAdmin
    │   ├── NoUserGroup
    │   ├── ReservationStarted
    │   ├── NotBookedYet
    │   ├── MaintenanceStays
    │   ├── OfferOver
    │   ├── OverQuota
    │   ├── NothingToContinue
    │   ├── OutOfOrder
    │   ├── CannotHandOver
    │   ├── CannotGiveMinutes
    │   ├── NoRunToFit
    │   ├── TemplateTaken
    │   ├── ProcessSettled
    │   ├── NobodyToPreempt
    │   ├── NeedsItsPlan
    │   ├── PreemptionOver
    │   ├── EpochDoesNotFit
    │   ├── CannotAdopt
    │   ├── IncompatibleAgent
    │   └── StaleFence
    └── Unavailable               try again
        ├── ClaimOverlap
        ├── HostDoesNotAnswer
        ├── SchemaOutOfDate
        └── ArtifactDamaged

An error carries a stable ``code`` and plain data (numbers, strings, aware instants), no sentence
for people: those are written at the edge, in the words of the place where the person stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.admin_errors import (
    LastAdmin,
    NotPermitted,
    NoUserGroup,
    TeamExists,
    UnknownPerson,
    UnknownTeam,
)
from bot.domain.agent_errors import ArtifactDamaged, IncompatibleAgent, StaleFence
from bot.domain.approval_errors import MayNotApprove, OfferOver, OverQuota, UnknownApproval
from bot.domain.changing_errors import (
    EndNotEarlier,
    EndNotLater,
    HostDoesNotAnswer,
    MaintenanceStays,
    NotBookedYet,
    NothingLeft,
    ReservationStarted,
)
from bot.domain.continuation_errors import NothingToContinue, OutOfOrder
from bot.domain.error_branches import (
    BerthError,
    Conflict,
    InvalidRequest,
    NotAllowed,
    NotFound,
    Unavailable,
)
from bot.domain.forecast_errors import CannotGiveMinutes, NoRunToFit
from bot.domain.handover_errors import CannotHandOver, CannotReceive, UnknownOffer
from bot.domain.holdings import Alternative, Holding
from bot.domain.incident_errors import UnknownIncident
from bot.domain.outage_errors import AdminsOnly, UnknownHostName
from bot.domain.preemption_errors import (
    EpochDoesNotFit,
    MayNotPreempt,
    NeedsItsPlan,
    NobodyToPreempt,
    OwnPreemption,
    PreemptionOver,
    UnknownPreemption,
)
from bot.domain.process_errors import (
    CannotAdopt,
    InvalidUnixUser,
    ProcessSettled,
    UnknownProcess,
)
from bot.domain.series_errors import (
    NoOccurrenceAhead,
    NoOccurrenceFits,
    NotTheSeriesHolder,
    SeriesOver,
    UnknownSeries,
)
from bot.domain.sign_in_errors import LinkOver, NotFromOurPages, SignInRefused
from bot.domain.training_errors import (
    InvalidTemplateName,
    NoSuchAttempt,
    NoSuchFile,
    NoTraining,
    NotYourTemplate,
    TemplateTaken,
    UnknownRun,
    UnknownTemplate,
)
from bot.domain.window_errors import BeyondHorizon, PastStart, TooLong, TooShort
from bot.domain.wish_errors import (
    InvalidGpuCount,
    TextTooLong,
    UnknownCommand,
    UnknownGpu,
    UnknownGpuType,
    UnreadableRequest,
    UnreadableTime,
)

__all__ = [  # what stands elsewhere; people import every error from here
    "AdminsOnly",
    "ArtifactDamaged",
    "BerthError",
    "BeyondHorizon",
    "CannotAdopt",
    "CannotGiveMinutes",
    "CannotHandOver",
    "CannotReceive",
    "Conflict",
    "EndNotEarlier",
    "EndNotLater",
    "EpochDoesNotFit",
    "HostDoesNotAnswer",
    "IncompatibleAgent",
    "InvalidGpuCount",
    "InvalidRequest",
    "InvalidTemplateName",
    "InvalidUnixUser",
    "LastAdmin",
    "LinkOver",
    "MaintenanceStays",
    "MayNotApprove",
    "MayNotPreempt",
    "NeedsItsPlan",
    "NoOccurrenceAhead",
    "NoOccurrenceFits",
    "NoRunToFit",
    "NoSuchAttempt",
    "NoSuchFile",
    "NoTraining",
    "NoUserGroup",
    "NobodyToPreempt",
    "NotAllowed",
    "NotBookedYet",
    "NotFound",
    "NotFromOurPages",
    "NotPermitted",
    "NotTheSeriesHolder",
    "NotYourTemplate",
    "NothingLeft",
    "NothingToContinue",
    "OfferOver",
    "OutOfOrder",
    "OverQuota",
    "OwnPreemption",
    "PastStart",
    "PreemptionOver",
    "ProcessSettled",
    "ReservationStarted",
    "SeriesOver",
    "SignInRefused",
    "StaleFence",
    "TeamExists",
    "TemplateTaken",
    "TextTooLong",
    "TooLong",
    "TooShort",
    "Unavailable",
    "UnknownApproval",
    "UnknownCommand",
    "UnknownGpu",
    "UnknownGpuType",
    "UnknownHostName",
    "UnknownIncident",
    "UnknownOffer",
    "UnknownPerson",
    "UnknownPreemption",
    "UnknownProcess",
    "UnknownRun",
    "UnknownSeries",
    "UnknownTeam",
    "UnknownTemplate",
    "UnreadableRequest",
    "UnreadableTime",
]


class InvalidRunSpec(InvalidRequest):
    """A training specification has faults; all of them are listed, by field."""

    code = "invalid_run_spec"

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(problems=dict(problems))
        self.problems = dict(problems)


class InvalidSetting(InvalidRequest):
    """A setting of a process is missing or wrong."""

    code = "invalid_setting"

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(problems=dict(problems))
        self.problems = dict(problems)


class UnknownReservation(NotFound):
    """There is no reservation of that number."""

    code = "unknown_reservation"

    def __init__(self, reservation_id: int | str) -> None:
        super().__init__(reservation_id=reservation_id)
        self.reservation_id = reservation_id


class UnknownHost(NotFound):
    """There is no host of that number."""

    code = "unknown_host"

    def __init__(self, host_id: int) -> None:
        super().__init__(host_id=host_id)
        self.host_id = host_id


class NotTheHolder(NotAllowed):
    """Only the holder, a lead of the team or an admin may change a reservation."""

    code = "not_the_holder"

    def __init__(self, reservation_id: int, holder_slack_id: str) -> None:
        super().__init__(reservation_id=reservation_id, holder_slack_id=holder_slack_id)
        self.reservation_id = reservation_id
        self.holder_slack_id = holder_slack_id


class TokenRefused(NotAllowed):
    """An agent's or a pipeline's token is unknown, revoked or of another scope."""

    code = "token_refused"


class WindowTaken(Conflict):
    """Not enough GPUs are free in the whole window.

    ``holdings`` are who holds what from when to when; ``alternatives`` the nearest that fit.
    """

    code = "window_taken"

    def __init__(
        self,
        wanted_gpus: int,
        free_gpus: int,
        holdings: Sequence[Holding],
        alternatives: Sequence[Alternative],
    ) -> None:
        super().__init__(wanted_gpus=wanted_gpus, free_gpus=free_gpus)
        self.wanted_gpus = wanted_gpus
        self.free_gpus = free_gpus
        self.holdings = tuple(holdings)
        self.alternatives = tuple(alternatives)


class NoSingleHost(Conflict):
    """A reservation with a run needs its GPUs on one host, and no host has so many."""

    code = "no_single_host"

    def __init__(self, wanted_gpus: int, largest_host_gpus: int) -> None:
        super().__init__(wanted_gpus=wanted_gpus, largest_host_gpus=largest_host_gpus)
        self.wanted_gpus = wanted_gpus
        self.largest_host_gpus = largest_host_gpus


class ReservationOver(Conflict):
    """The reservation has ended or was cancelled already."""

    code = "reservation_over"

    def __init__(self, reservation_id: int, state: str) -> None:
        super().__init__(reservation_id=reservation_id, state=state)
        self.reservation_id = reservation_id
        self.state = state


class ClaimOverlap(Unavailable):
    """The database refused a claim because another one came first; the use case is run again."""

    code = "claim_overlap"


class SchemaOutOfDate(Unavailable):
    """The database is not at the revision of this release; ``berth migrate`` mends it."""

    code = "schema_out_of_date"

    def __init__(self, found: str | None, wanted: str) -> None:
        super().__init__(found=found, wanted=wanted)
        self.found = found
        self.wanted = wanted
