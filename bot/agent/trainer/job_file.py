"""Read the job that the agent has written."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from bot.agent.trainer_contract import TrainerJob


class JobFileError(Exception):
    """The job file is missing, unreadable or not a job."""


def read_job(path: Path) -> TrainerJob:
    """Return the job in ``path``.

    Raises:
        JobFileError: It cannot be read or is not a valid job.
    """
    try:
        return TrainerJob.model_validate_json(path.read_bytes())
    except OSError as error:
        raise JobFileError(f"cannot read the job file: {error}") from error
    except ValidationError as error:
        raise JobFileError(f"the job file is not valid: {error}") from error
