"""``berth audit``: the audit log is checked and taken away, on the control plane's machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from bot.domain.audit_chain import Breach, Break
from bot.domain.audit_views import AuditFilter, AuditLine

audit_app = typer.Typer(no_args_is_help=True, help="The audit log: export it, and check it.")

SINCE_HELP = "Only from this instant on, such as 2026-11-23 or 2026-11-23T12:00; in UTC."
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
Since = Annotated[datetime | None, typer.Option(help=SINCE_HELP, formats=FORMATS)]
Until = Annotated[datetime | None, typer.Option(help="Only before this instant.", formats=FORMATS)]

_WORDS = {
    Breach.ALTERED: "event {id} is not as it was sealed: it was altered",
    Breach.REMOVED: "event {id} was sealed and is gone: it was removed",
    Breach.INSERTED: "event {id} was not there when its neighbours were sealed: it was inserted",
    Breach.SEAL: "the seal over event {id} does not fit the chain: it was altered or removed",
    Breach.HEAD: "no seal has the head that was given: the end of the log was removed, or all of"
    " it was sealed anew",
}


@audit_app.command("verify")
def verify(
    since: Since = None,
    head: Annotated[
        str | None, typer.Option(help="A head that was noted earlier; the log must still have it.")
    ] = None,
) -> None:
    """Check that no sealed event was altered, removed or inserted; exit with 1 if one was."""
    from bot.bootstrap.operator import operator_use_cases
    from bot.services import audit_chain

    with operator_use_cases() as use_cases:
        verdict = use_cases.read(audit_chain.verify, _in_utc(since), head)
    if verdict.broken is not None:
        typer.echo(f"BROKEN: {words_of(verdict.broken)}.", err=True)
        raise typer.Exit(1)
    typer.echo(
        f"{verdict.checked} events in {verdict.seals} seals are as they were sealed;"
        f" {verdict.unsealed} newer ones are not sealed yet."
    )
    typer.echo(f"Head: {verdict.head}")


@audit_app.command("export")
def export(
    since: Since = None,
    until: Until = None,
    who: Annotated[str, typer.Option(help="A Slack user id, a name or a host.")] = "",
    action: Annotated[str, typer.Option(help="How what was done begins.")] = "",
) -> None:
    """Write the audit log as JSON lines, the oldest event first."""
    from bot.bootstrap.operator import operator_use_cases
    from bot.services import audit_search

    wanted = AuditFilter(who=who, action=action, since=_in_utc(since), until=_in_utc(until))
    after_id = 0
    with operator_use_cases() as use_cases:
        while lines := use_cases.read(audit_search.export, None, wanted, after_id):
            for line in lines:
                typer.echo(json.dumps(_plain(line), ensure_ascii=False, separators=(",", ":")))
            after_id = lines[-1].event_id


def words_of(broken: Break) -> str:
    """Return what is wrong with the log, in words."""
    return _WORDS[broken.breach].format(id=broken.event_id)


def _plain(line: AuditLine) -> dict[str, Any]:
    return {name: _value(value) for name, value in asdict(line).items()}


def _value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _in_utc(instant: datetime | None) -> datetime | None:
    if instant is None or instant.tzinfo is not None:
        return instant
    return instant.replace(tzinfo=UTC)
