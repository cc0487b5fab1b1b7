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
    every: Annotated[int, typer.Option(min=1, help="Only every K-th scan is a target.")] = 1,
    drop_ground: Annotated[bool, typer.Option("--drop-ground", help="Take every ground point out first.")] = False,
    seven_scenes: Annotated[
        Path | None, typer.Option(help="Scene of RGB-D walks instead, with seq-NN folders.")
    ] = None,
    fragment_frames: Annotated[int, typer.Option(min=1, help="Depth images that are fused to a fragment.")] = 17,
    rotate: Annotated[str, typer.Option(help="How sources are turned: none, yaw or so3.")] = "so3",
    seed: Annotated[int, typer.Option(min=0, help="Of the turns.")] = 0,
    model: Annotated[str, typer.Option(help="Where hypotheses come from: see `isometry register --help`.")] = "default",
    json_file: Annotated[Path | None, typer.Option("--json", help="Where the figures are written.")] = None,
    report: Annotated[Path | None, typer.Option(help="Where an HTML page of the figures is written.")] = None,
) -> None:
    """Share of right transforms, their errors, wrong acceptances, honesty of the confidence, time on one thread.

    With --kitti: scans so many scans apart; right is < 5 deg and < 2 m. With --seven-scenes: fragments of a room; right
    is < 0.2 m, root mean square, between points that both show. The source of a pair is turned by a random rotation
    about its sensor, which is the same for the same --seed and pair.
    """
    _use_one_thread()
    if (kitti is None) == (seven_scenes is None):
        raise typer.BadParameter("name the data: either --kitti or --seven-scenes")
    with clear_errors():
        from isometry.registration.pipeline import load_registrar

        registrar = load_registrar(model)
        turned = f"rotate {rotate} seed {seed}"
        if kitti is not None:
            from isometry.datasets.scans import open_scans
            from isometry.evaluation.registration_scans import GapProtocol

            protocol = GapProtocol(_gaps(gaps), rotate, seed, every, drop_ground)
            scans = open_scans(kitti, sequence, poses)
            outcomes = _measure(protocol.cases(scans), protocol.count(len(scans)), registrar)
            ground = " without ground" if drop_ground else ""
            data = f"{kitti.resolve().name}/{sequence} gaps {gaps} every {every} {turned}{ground}"
            _publish(outcomes, "gaps", data, model, registrar, json_file, report)
        if seven_scenes is not None:
            from isometry.evaluation.registration_fragments import FragmentProtocol

            fusing = FragmentProtocol(fragment_frames, rotate, seed)
            fragments = fusing.read(seven_scenes)
            pairs = fusing.pairs(fragments)
            outcomes = _measure(fusing.cases(fragments, pairs), len(pairs), registrar)
            data = f"{seven_scenes.resolve().name} fragments of {fragment_frames} frames {turned}"
            _publish(outcomes, "overlaps", data, model, registrar, json_file, report)


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
    from isometry.evaluation.registration import figures, networks_of

    origin = provenance(data, model, networks_of(registrar))
    result = figures(outcomes, groups_name)
    if json_file is not None:
        write_json(json_file, origin | result)
    if report is not None:
        from isometry.evaluation.registration_report import write_report

        write_report(report, result, groups_name, origin, outcomes)
    _print(result, groups_name)


def _print(result: dict[str, Any], groups_name: str) -> None:
    """What a person wants to see first; the JSON has everything."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    columns = {
        "n": "n",
        "distance_m": "apart",
        "success": "right",
        "rre_deg": "deg",
        "rte_m": "m",
        "right_kept": "kept",
        "wrong_accepted": "wrong",
        "seconds": "s",
        "processor_seconds": "CPU s",
    }
    table = Table(groups_name, *columns.values(), box=SIMPLE)
    for group, told in result[groups_name].items():
        table.add_row(group, *("-" if told[name] is None else f"{told[name]:.3g}" for name in columns))
    console = Console(highlight=False)
    console.print(table)
    for name, value in result.items():
        if isinstance(value, float):
            console.print(f"{name}: {value:.3g}")
    inside = ", ".join(f"{axis} {'-' if v is None else f'{v:.2f}'}" for axis, v in result["inside_2_sigma"].items())
    console.print(f"inside_2_sigma: {inside}")
