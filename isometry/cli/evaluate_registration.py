"""`isometry evaluate registration`: pairs of clouds with a known transform, one thread."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isometry.cli.progress import clear_errors, progress_bar

if TYPE_CHECKING:
    from isometry.evaluation.registration import Case, Outcome
    from isometry.registration.pipeline import Registrar


def registration(
    kitti: Annotated[Path | None, typer.Option(help="KITTI directory: odometry, tracking or raw layout.")] = None,
    sequence: Annotated[str, typer.Option(help="Which sequence of --kitti: NN.")] = "00",
    poses: Annotated[Path | None, typer.Option(help="Poses of the scans; the odometry layout has its own.")] = None,
    gaps: Annotated[str, typer.Option(help="How many scans apart the two of a pair are: G,G,...")] = "5,20,40",
    rotate: Annotated[str, typer.Option(help="How sources are turned: none, yaw or so3.")] = "so3",
    seed: Annotated[int, typer.Option(min=0, help="Of the turns.")] = 0,
    every: Annotated[int, typer.Option(min=1, help="Only every K-th scan is a target.")] = 1,
    drop_ground: Annotated[bool, typer.Option("--drop-ground", help="Take every ground point out first.")] = False,
    model: Annotated[str, typer.Option(help="Where hypotheses come from: see `isometry register --help`.")] = "default",
    json_file: Annotated[Path | None, typer.Option("--json", help="Where the figures are written.")] = None,
    report: Annotated[Path | None, typer.Option(help="Where an HTML page of the figures is written.")] = None,
) -> None:
    """Share of right transforms, their errors, wrong acceptances, honesty of the confidence, time on one thread.

    The source of a pair is turned by a random rotation about its sensor, the same for the same --seed, gap and scan.
    """
    _use_one_thread()
    if kitti is None:
        raise typer.BadParameter("name the data: --kitti")
    with clear_errors():
        from isometry.datasets.scans import open_scans
        from isometry.evaluation.registration_scans import GapProtocol
        from isometry.registration.pipeline import load_registrar

        protocol = GapProtocol(_gaps(gaps), rotate, seed, every, drop_ground)
        scans = open_scans(kitti, sequence, poses)
        registrar = load_registrar(model)
        pairs = protocol.count(len(scans))
        outcomes = _measure(protocol.cases(scans), pairs, registrar)
        ground = " without ground" if drop_ground else ""
        data = f"{kitti.name}/{sequence} gaps {gaps} every {every} rotate {rotate} seed {seed}{ground}"
        _publish(outcomes, "gaps", data, model, registrar, json_file, report)


def _gaps(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(f"--gaps {text!r}: it must be whole numbers above 0 with commas between them, such as 5,20,40")
    return [int(part) for part in dict.fromkeys(parts)]


def _use_one_thread() -> None:
    """Libraries read it when they are loaded, which is after this."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


def _measure(cases: Iterable[Case], pairs: int, registrar: Registrar) -> list[Outcome]:
    from isometry.evaluation.registration import measure, registering

    with progress_bar("registering") as advance:

        def counted() -> Iterator[Case]:
            for done, case in enumerate(cases):
                advance(done, pairs)
                yield case
            advance(pairs, pairs)

        return measure(counted(), registering(registrar))


def _publish(
    outcomes: list[Outcome],
    groups_name: str,
    data: str,
    model: str,
    registrar: Registrar,
    json_file: Path | None,
    report: Path | None,
) -> None:
    from isometry.evaluation.provenance import provenance, write_json
    from isometry.evaluation.registration import figures

    files = {proposer.name: sha256 for proposer in registrar.proposers if (sha256 := getattr(proposer, "sha256", ""))}
    origin = provenance(data, model, ", ".join(f"{name} {sha256}" for name, sha256 in files.items()) or "no network")
    result = figures(outcomes, groups_name)
    if json_file is not None:
        write_json(json_file, origin | result)
    _print(result, groups_name)


def _print(result: dict[str, Any], groups_name: str) -> None:
    """What a person wants to see first; the JSON has everything."""
    from rich.console import Console
    from rich.table import Table

    columns = {
        "n": "n",
        "distance_m": "apart, m",
        "success": "success",
        "rre_deg": "deg",
        "rte_m": "m",
        "right_kept": "kept",
        "wrong_accepted": "wrong",
        "seconds": "s",
        "processor_seconds": "s of CPU",
    }
    table = Table(groups_name, *columns.values())
    for group, told in result[groups_name].items():
        table.add_row(group, *("-" if told[name] is None else f"{told[name]:.3g}" for name in columns))
    console = Console(highlight=False)
    console.print(table)
    for name, value in result.items():
        if isinstance(value, float):
            console.print(f"{name}: {value:.3g}")
    inside = ", ".join(f"{axis} {'-' if v is None else f'{v:.2f}'}" for axis, v in result["inside_2_sigma"].items())
    console.print(f"inside_2_sigma: {inside}")
