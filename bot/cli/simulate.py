"""``berth simulate``: what other ways of sharing would do with the demand there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def simulate(
    gpus: Annotated[
        int | None, typer.Option(min=1, help="GPUs of the site; 64, or those of the log.")
    ] = None,
    gpus_per_host: Annotated[int, typer.Option(min=1, max=64, help="GPUs of one host.")] = 8,
    days: Annotated[int, typer.Option(min=1, max=3660, help="Days of made-up demand.")] = 30,
    load: Annotated[
        float, typer.Option(min=0.01, max=5.0, help="Made-up work, as a share of what is there.")
    ] = 0.85,
    seed: Annotated[int, typer.Option(help="The same seed gives the same demand.")] = 1,
    log: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Replay this audit log instead, JSON lines."
        ),
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(help="Replay the audit log of this database instead.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where JSON and pictures are written.")] = Path(
        "berth-simulation"
    ),
) -> None:
    """Compare ways of sharing on a replayed audit log or on made-up demand."""
    from bot.bootstrap import simulating

    if log is not None and database_url is not None:
        raise typer.BadParameter("replay a log or a database, not both")
    try:
        if log is not None:
            scenario = simulating.from_file(log, gpus, gpus_per_host)
        elif database_url is not None:
            scenario = simulating.from_database(database_url, gpus, gpus_per_host)
        else:
            scenario = simulating.generated(gpus or 64, gpus_per_host, days, load, seed)
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from problem
    table, written = simulating.simulate(scenario, folder)
    console = Console()
    console.print(table)
    for path in written:
        console.print(f"Written: {path}", highlight=False, markup=False, soft_wrap=True)
