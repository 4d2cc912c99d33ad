"""The settings of every process, read once from the environment, all faults named at once.

A setting ``database_url`` of the control plane is the variable ``BERTH_DATABASE_URL``; the agent's
are ``BERTH_AGENT_...``.  ``docs/settings.md`` lists them; a test compares.
"""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.domain.errors import InvalidSetting
from bot.domain.incidents import incident_policy
from bot.domain.policy import Policy
from bot.domain.priority import Priority
from bot.domain.processes import RoguePolicy
from bot.domain.run_spec import TrainingSpec, check_training_spec

LogFormat = Literal["console", "json"]
SettingsType = TypeVar("SettingsType", bound=BaseSettings)


class DatabaseSettings(BaseSettings):
    """Where the control plane's database is: all that ``berth migrate`` and ``token`` need."""

    model_config = SettingsConfigDict(env_prefix="BERTH_", extra="ignore", frozen=True)

    database_url: str = Field("sqlite:///berth.db", description="SQLite or PostgreSQL URL")


class ServeSettings(DatabaseSettings):
    """Settings of the control plane, ``berth serve``."""

    artifacts_url: str = Field(
        "berth-artifacts", description="Folder or fsspec URL where files of runs are kept"
    )
    listen_host: str = Field("127.0.0.1", description="Address that agents and browsers reach")
    listen_port: int = Field(8600, ge=0, le=65535, description="Port; 0 takes a free one")
    public_url: str | None = Field(
        None, description="Where browsers reach Berth, https://…; the listening address by default"
    )
    slack_mode: Literal["socket", "http"] = Field(
        "socket", description="How Slack reaches Berth: Socket Mode, or signed HTTP requests"
    )
    slack_bot_token: SecretStr = Field(description="Bot token, xoxb-…")
    slack_app_token: SecretStr | None = Field(
        None, description="App-level token, xapp-…, for Socket Mode"
    )
    slack_signing_secret: SecretStr | None = Field(
        None, description="Signing secret, for HTTP mode"
    )
    slack_client_id: str | None = Field(
        None, description="Client id of the Slack app, for signing in to the pages by Slack"
    )
    slack_client_secret: SecretStr | None = Field(
        None, description="Client secret of the Slack app, for the same"
    )
    slack_api_url: str | None = Field(
        None, description="Another Slack API than Slack's own, such as the sandbox's"
    )
    default_team: str = Field("everyone", description="Team that newcomers join")
    default_channel: str = Field(
        description="Id of the channel where the default team's cards stand, C…"
    )
    enrol_agent_token: SecretStr | None = Field(
        None, description="Agent token to accept from the start, besides those made by hand"
    )
    run_model: str = Field("yolo11n.yaml", description="Model where a request names none")
    run_data: str = Field("coco8.yaml", description="Data set where a request names none")
    run_epochs: int = Field(100, description="Epochs where a request names none")
    run_imgsz_px: int = Field(640, description="Image size in pixels where a request names none")
    run_batch: int = Field(16, description="Batch size in images where a request names none")
    run_extra: dict[str, str | float | int | bool] = Field(
        {}, description="Further training arguments where a request names none, as JSON"
    )
    slot_minutes: int = Field(120, description="Length of a slot; must divide the day")
    horizon_days: int = Field(30, ge=1, description="How far ahead people may book")
    longest_reservation_hours: int = Field(168, ge=1, description="Longest reservation")
    quota_gpus_at_once: int | None = Field(
        None, ge=0, description="GPUs that a team may hold at once where it has no quota of its own"
    )
    quota_gpu_hours_per_week: float | None = Field(
        None, ge=0, description="GPU-hours of a team in an ISO week, where it has no own quota"
    )
    approval_longer_than_hours: float = Field(
        24, gt=0, description="Reservations longer than that need approval"
    )
    approval_within_hours: float = Field(
        4, gt=0, description="How long a request waits for approval, at most until its start"
    )
    fairness_half_life_days: float = Field(
        7, gt=0, description="Time after which use counts half when it is decided who goes first"
    )
    waitlist_offer_minutes: float = Field(
        10, gt=0, description="Time to answer when a window is offered from the waitlist"
    )
    queue_wait_days: float = Field(
        7, gt=0, description="How long a job waits in the queue before it is given up"
    )
    no_show_minutes: float = Field(
        15, gt=0, description="Time without a process after which a holder is asked"
    )
    idle_minutes: float = Field(
        30, gt=0, description="Time without real use after which a holder is asked"
    )
    idle_below_percent: float = Field(
        5, ge=0, le=100, description="Utilisation below which a GPU does nothing"
    )
    usage_answer_minutes: float = Field(
        15, gt=0, description="Time to answer before GPUs that do nothing are released"
    )
    usage_kept_hours: float = Field(2, gt=0, description="How long nobody asks again after Keep")
    progress_edit_interval_s: float = Field(
        45, ge=0, description="Shortest time between two edits of a card for progress alone"
    )
    heartbeat_s: float = Field(5, gt=0, description="How often agents report")
    host_lost_after_s: float = Field(60, gt=0, description="Silence after which a host is lost")
    kill_after_s: float = Field(
        120, gt=0, description="Time a trainer has to stop softly before it is killed"
    )
    retries: int = Field(3, ge=0, description="How often in a row a failed run is tried again")
    retry_first_s: float = Field(60, gt=0, description="Wait before the first retry; then doubled")
    retry_longest_minutes: float = Field(60, gt=0, description="Longest wait before a retry")
    preempting_priorities: str = Field(
        "p0",
        pattern=r"^\s*(p[012]\s*(,\s*p[012]\s*)*)?$",
        description="Priorities that may take GPUs back from lower ones, with commas",
    )
    preemption_grace_s: float = Field(
        1800, ge=0, description="Seconds of notice before GPUs are taken back"
    )
    preemption_protected_s: float = Field(
        1800, ge=0, description="Seconds at the beginning of a run in which it is not taken back"
    )
    retry_needs_s: float = Field(
        300, ge=0, description="Time that must be left to train in for a retry"
    )
    start_confirmed_minutes: float = Field(
        2, gt=0, description="Time in which a host confirms a start before its holder is told"
    )
    handover_within_minutes: float = Field(
        5, gt=0, description="Time after which GPUs that are not handed on are an incident"
    )
    overrun_percent: float = Field(
        10, ge=0, le=100, description="Part of the booked time by which a late run may go over"
    )
    overrun_next_waits_minutes: float = Field(
        15, ge=0, description="How long who is next waits for a run that goes over, at most"
    )
    keep_files_days: float = Field(
        90, gt=0, description="How long files of a run are kept after its end"
    )
    keep_checkpoints_days: float = Field(
        14, gt=0, description="How long the checkpoints of a run are kept after its end"
    )
    rogue_policy: RoguePolicy = Field(
        RoguePolicy.REPORT,
        description="Processes that nobody booked: report, or stop_after_notice (SIGTERM)",
    )
    rogue_notice_minutes: float = Field(
        30, gt=0, description="With stop_after_notice: how long after it was told"
    )
    alert_gpu_c: float = Field(88, gt=0, description="Temperature of a GPU that is told of")
    alert_gpu_memory_percent: float = Field(
        98, gt=0, description="Memory of a GPU in use that is told of; above 100 never"
    )
    alert_disk_free_percent: float = Field(
        5, ge=0, lt=100, description="Free disk of a host that is told of"
    )
    alert_host_memory_free_percent: float = Field(
        4, ge=0, lt=100, description="Memory left on a host that is told of"
    )
    metrics_token: SecretStr | None = Field(
        None, description="What Prometheus shows to read /metrics; without it there is none"
    )
    worker_threads: int = Field(16, ge=1, description="Threads that run use cases")
    log_format: LogFormat = Field("json", description="console or json")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("https://", "http://")):
            raise ValueError("must begin with https:// (or http:// on loopback)")
        return url.rstrip("/") if url is not None else None

    @field_validator("slot_minutes")
    @classmethod
    def _divides_the_day(cls, minutes: int) -> int:
        if minutes <= 0 or (24 * 60) % minutes:
            raise ValueError("must divide the day")
        return minutes

    @model_validator(mode="after")
    def _has_what_its_mode_needs(self) -> ServeSettings:
        if self.slack_mode == "socket" and self.slack_app_token is None:
            raise ValueError("Socket Mode needs BERTH_SLACK_APP_TOKEN")
        if self.slack_mode == "http" and self.slack_signing_secret is None:
            raise ValueError("HTTP mode needs BERTH_SLACK_SIGNING_SECRET")
        if (self.slack_client_id is None) != (self.slack_client_secret is None):
            raise ValueError("Signing in by Slack needs BERTH_SLACK_CLIENT_ID and its secret")
        return self

    def policy(self) -> Policy:
        """Return the policies that these settings describe."""
        return Policy(
            slot=timedelta(minutes=self.slot_minutes),
            horizon=timedelta(days=self.horizon_days),
            longest_reservation=timedelta(hours=self.longest_reservation_hours),
            quota_gpus_at_once=self.quota_gpus_at_once,
            quota_gpu_hours_per_week=self.quota_gpu_hours_per_week,
            long_reservation=timedelta(hours=self.approval_longer_than_hours),
            approval_within=timedelta(hours=self.approval_within_hours),
            fairness_half_life=timedelta(days=self.fairness_half_life_days),
            waitlist_offer=timedelta(minutes=self.waitlist_offer_minutes),
            longest_wait_in_queue=timedelta(days=self.queue_wait_days),
            no_show_after=timedelta(minutes=self.no_show_minutes),
            idle_after=timedelta(minutes=self.idle_minutes),
            idle_below_percent=self.idle_below_percent,
            usage_answer_within=timedelta(minutes=self.usage_answer_minutes),
            usage_kept_for=timedelta(hours=self.usage_kept_hours),
            progress_edit_interval=timedelta(seconds=self.progress_edit_interval_s),
            heartbeat=timedelta(seconds=self.heartbeat_s),
            host_lost_after=timedelta(seconds=self.host_lost_after_s),
            kill_after=timedelta(seconds=self.kill_after_s),
            rogue_policy=self.rogue_policy,
            rogue_notice=timedelta(minutes=self.rogue_notice_minutes),
            retries=self.retries,
            retry_first=timedelta(seconds=self.retry_first_s),
            retry_longest=timedelta(minutes=self.retry_longest_minutes),
            preempting_priorities=tuple(
                Priority(each.strip())
                for each in self.preempting_priorities.split(",")
                if each.strip()
            ),
            preemption_grace=timedelta(seconds=self.preemption_grace_s),
            preemption_protected=timedelta(seconds=self.preemption_protected_s),
            retry_needs=timedelta(seconds=self.retry_needs_s),
            start_confirmed_within=timedelta(minutes=self.start_confirmed_minutes),
            handover_incident_after=timedelta(minutes=self.handover_within_minutes),
            overrun_fraction=self.overrun_percent / 100,
            overrun_next_waits=timedelta(minutes=self.overrun_next_waits_minutes),
            keep_files=timedelta(days=self.keep_files_days),
            keep_checkpoints=timedelta(days=self.keep_checkpoints_days),
            incidents=incident_policy(
                self.alert_gpu_c,
                self.alert_gpu_memory_percent,
                self.alert_host_memory_free_percent,
                self.alert_disk_free_percent,
            ),
        )

    def run_defaults(self) -> TrainingSpec:
        """Return the training that a bare request gets.

        Raises:
            InvalidRunSpec: the defaults themselves would be refused.
        """
        wanted = TrainingSpec(
            model=self.run_model,
            data=self.run_data,
            epochs=self.run_epochs,
            imgsz=self.run_imgsz_px,
            batch=self.run_batch,
        )
        return check_training_spec(dict(self.run_extra), wanted)


class AgentSettings(BaseSettings):
    """Settings of a host's agent, ``berth agent``."""

    model_config = SettingsConfigDict(env_prefix="BERTH_AGENT_", extra="ignore", frozen=True)

    control_plane_url: str = Field(
        "http://127.0.0.1:8600", description="Where the control plane is reached"
    )
    token: SecretStr = Field(description="The host's token, made by `berth token create`")
    host_name: str = Field(
        default_factory=lambda: socket.gethostname().split(".")[0],
        description="What people call the host; its own name by default",
    )
    state_dir: Path = Field(
        Path("berth-agent"), description="Where records, logs and results of runs are kept"
    )
    model_roots: tuple[Path, ...] = Field(
        (), description="Folders that model paths may point into, as a JSON list"
    )
    data_roots: tuple[Path, ...] = Field(
        (), description="Folders that data set paths may point into, as a JSON list"
    )
    gpus: Literal["auto", "nvml", "simulated"] = Field(
        "auto", description="Real GPUs where NVML finds them, or one of the two"
    )
    simulated_gpus: int = Field(2, ge=1, le=64, description="How many to simulate")
    stop_root_processes: bool = Field(
        False, description="Whether processes of root may be stopped when an admin asks for it"
    )
    trainer_threads: int = Field(1, ge=1, description="CPU threads of a training on the CPU")
    disk_floor_mib: int = Field(
        2048, ge=0, description="Free disk in MiB below which no training starts"
    )
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Where Prometheus reads the host, such as 9835"
    )
    metrics_host: str = Field("127.0.0.1", description="Address of that port")
    log_format: LogFormat = Field("json", description="console or json")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")


def load(settings_type: type[SettingsType]) -> SettingsType:
    """Read settings of that type from the environment.

    Raises:
        InvalidSetting: with every fault found, by the name of its variable; no secret is told.
    """
    try:
        return settings_type()
    except ValidationError as error:
        prefix = settings_type.model_config.get("env_prefix", "")
        problems = {
            f"{prefix}{'_'.join(str(part) for part in fault['loc'])}".upper() or "BERTH": (
                "is not set" if fault["type"] == "missing" else fault["msg"]
            )
            for fault in error.errors(include_input=False)
        }
        raise InvalidSetting(problems) from None
