"""Every command of ``berth``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import bot
from bot.bootstrap.logs import configure_logs
from bot.cli.audit import audit_app
from bot.cli.simulate import simulate
from bot.config import AgentSettings, ServeSettings, load
from bot.domain.errors import BerthError, InvalidSetting, SchemaOutOfDate

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=bot.__doc__
)
token_app = typer.Typer(no_args_is_help=True, help="Tokens of agents and of members' programs.")
app.add_typer(token_app, name="token")
app.command()(simulate)
app.add_typer(audit_app, name="audit")
complaints = Console(stderr=True, highlight=False)
answers = Console(highlight=False)


def main() -> None:
    """Run the command line; an anticipated error becomes one sentence and exit status 2."""
    try:
        app()
    except BerthError as error:
        complaints.print(_sentence(error), style="red", markup=False)
        sys.exit(2)


def _sentence(error: BerthError) -> str:
    if isinstance(error, InvalidSetting):
        lines = [f"  {name} {problem}" for name, problem in sorted(error.problems.items())]
        return "\n".join(["Some settings are wrong (docs/settings.md lists them all):", *lines])
    if isinstance(error, SchemaOutOfDate):
        found = error.found or "empty"
        return (
            f"The database is at revision {found}, and this release needs {error.wanted}. "
            "Run `berth migrate` first."
        )
    return f"That did not work: {error}"


def _run(process: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(process())


@app.command()
def serve() -> None:
    """Run the control plane: Slack, the clockwork, the HTTP API."""
    from bot.bootstrap import control_plane

    settings = load(ServeSettings)
    configure_logs(settings.log_format, settings.log_level)
    _run(lambda: control_plane.serve(settings))


@app.command()
def agent() -> None:
    """Run the agent of this GPU host."""
    from bot.bootstrap import agent as agent_process

    settings = load(AgentSettings)
    configure_logs(settings.log_format, settings.log_level)
    _run(lambda: agent_process.run(settings))


@app.command()
def migrate() -> None:
    """Bring the database to the revision of this release."""
    from bot.config import DatabaseSettings
    from bot.store import schema
    from bot.store.database import open_engine

    engine = open_engine(load(DatabaseSettings).database_url)
    schema.upgrade(engine)
    engine.dispose()
    answers.print("The database is up to date.")


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 4800,
    request_url: Annotated[
        str | None, typer.Option(help="Send signed HTTP requests there instead of Socket Mode.")
    ] = None,
) -> None:
    """Run the Slack stand-in with its console in the browser."""
    from bot.bootstrap import sandbox as sandbox_process
    from bot.sandbox.options import StandInOptions

    configure_logs("console", "WARNING")
    options = StandInOptions(
        port=port, mode="http" if request_url else "socket", request_url=request_url
    )

    def ready(address: str) -> None:
        typer.echo(f"Slack stand-in: {address}")

    _run(lambda: sandbox_process.run(options, ready))


@app.command()
def demo(
    script: Annotated[
        bool, typer.Option(help="Play the story without a browser, then exit.")
    ] = False,
    folder: Annotated[
        Path, typer.Option(help="Where the demo keeps its database, data and results.")
    ] = Path(".berth-demo"),
    port: Annotated[
        int, typer.Option(help="Port of the console; the story takes a free one.")
    ] = 4800,
    http: Annotated[
        bool, typer.Option(help="Let the stand-in send signed HTTP requests, not Socket Mode.")
    ] = False,
    database_url: Annotated[
        str | None, typer.Option(help="An empty database to use, such as one of PostgreSQL.")
    ] = None,
) -> None:
    """Try Berth on this machine: a Slack stand-in, the control plane and one agent."""
    from bot.bootstrap.demo import DemoOptions, run_demo

    options = DemoOptions(port=0 if script else port, http=http, database_url=database_url)
    sys.exit(run_demo(folder, options, script=script))


@token_app.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="Whose token it is.")],
    member: Annotated[
        str | None,
        typer.Option(help="Slack's id of a member: the token acts as that person over HTTP."),
    ] = None,
) -> None:
    """Make a token for an agent, or for a member's programs; it is shown this once."""
    from bot.bootstrap.operator import operator_use_cases
    from bot.services import tokens

    with operator_use_cases() as use_cases:
        if member is None:
            token = use_cases.write(tokens.create_token, name, tokens.Scope.AGENT)
        else:
            token = use_cases.write(tokens.create_member_token, name, member)
    typer.echo(token)


@token_app.command("revoke")
def revoke_token(name: Annotated[str, typer.Argument(help="Whose tokens.")]) -> None:
    """Refuse all tokens of that name from now on."""
    from bot.bootstrap.operator import operator_use_cases
    from bot.services import tokens

    with operator_use_cases() as use_cases:
        count = use_cases.write(tokens.revoke_token, name)
    answers.print(f"Revoked: {count}")
    if not count:
        raise typer.Exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    answers.print(bot.__version__)
