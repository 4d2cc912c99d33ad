"""Errors of templates, logs and files of trainings; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.error_branches import Conflict, InvalidRequest, NotAllowed, NotFound


class InvalidTemplateName(InvalidRequest):
    """That cannot be the name of a template."""

    code = "invalid_template_name"

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.name = name


class UnknownTemplate(NotFound):
    """The team has no template of that name; ``known`` are those that it has."""

    code = "unknown_template"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name=name, known=tuple(known))
        self.name = name
        self.known = tuple(known)


class TemplateTaken(Conflict):
    """Somebody else of the team has given that name to another training."""

    code = "template_taken"

    def __init__(self, name: str, by_slack_id: str) -> None:
        super().__init__(name=name, by_slack_id=by_slack_id)
        self.name = name
        self.by_slack_id = by_slack_id


class NotYourTemplate(NotAllowed):
    """Only who saved a template, a lead of the team or an admin may delete it."""

    code = "not_your_template"

    def __init__(self, name: str, by_slack_id: str) -> None:
        super().__init__(name=name, by_slack_id=by_slack_id)
        self.name = name
        self.by_slack_id = by_slack_id


class NoTraining(NotFound):
    """There is no training to speak of; ``reservation_id`` None: the member has had none."""

    code = "no_training"

    def __init__(self, reservation_id: int | None) -> None:
        super().__init__(reservation_id=reservation_id)
        self.reservation_id = reservation_id


class NoSuchAttempt(NotFound):
    """The training has no attempt of that number, but ``attempts`` of them."""

    code = "no_such_attempt"

    def __init__(self, reservation_id: int, number: int, attempts: int) -> None:
        super().__init__(reservation_id=reservation_id, number=number, attempts=attempts)
        self.reservation_id = reservation_id
        self.number = number
        self.attempts = attempts


class UnknownRun(NotFound):
    """There is no run of that number."""

    code = "unknown_run"

    def __init__(self, run_id: int) -> None:
        super().__init__(run_id=run_id)
        self.run_id = run_id


class NoSuchFile(NotFound):
    """A run keeps no file of that name; ``known`` are those that it keeps."""

    code = "no_such_file"

    def __init__(self, run_id: int, name: str, known: Sequence[str]) -> None:
        super().__init__(run_id=run_id, name=name, known=tuple(known))
        self.run_id = run_id
        self.name = name
        self.known = tuple(known)
