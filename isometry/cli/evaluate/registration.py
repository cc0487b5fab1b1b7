"""`isometry evaluate registration`: pairs of clouds with a known transform, one thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isometry.cli.common.arguments import parse_whole_numbers
from isometry.cli.common.progress import clear_errors, progress_bar
from isometry.cli.common.providers import Provider, ProviderOptions
from isometry.cli.common.results import Json, Report
from isometry.cli.common.threads import use_one_thread
from isometry.cli.evaluate.options import World

if TYPE_CHECKING:
    from isometry.evaluation.registration.measure import Case, PairResult
    from isometry.evaluation.registration.tasks import Task
    from isometry.registration.pipeline import Registrar


def registration(
    kitti: Annotated[Path | None, typer.Option(help="KITTI directory: odometry, tracking or raw layout.")] = None,
    sequence: Annotated[str, typer.Option(help="Which sequence of --kitti: NN.")] = "00",
    poses: Annotated[Path | None, typer.Option(help="Poses of the scans; the odometry layout includes them.")] = None,
    gaps: Annotated[str, typer.Option(help="Gaps in scans between the two of a pair: G,G,...")] = "5,20,40",
    every: Annotated[int, typer.Option(min=1, help="Only every K-th scan is a target.")] = 1,
    drop_ground: Annotated[bool, typer.Option("--drop-ground", help="Remove all ground points first.")] = False,
    kitti_protocol: Annotated[
        bool, typer.Option("--kitti-protocol", help="The published pairs of sequences 08 to 10 of --kitti instead.")
    ] = False,
    world: World = None,
    seven_scenes: Annotated[Path | None, typer.Option(help="Scene of RGB-D walks, with seq-NN folders.")] = None,
    fragment_frames: Annotated[int, typer.Option(min=1, help="Depth images that are fused to a fragment.")] = 17,
    three_d_match: Annotated[
        Path | None, typer.Option(help="The published test set 3DMatch, in the layout of PREDATOR.")
    ] = None,
    benchmark: Annotated[str, typer.Option(help="Benchmark of --three-d-match: 3DMatch or 3DLoMatch.")] = "3DMatch",
    rotate: Annotated[
        str, typer.Option(help="How sources are turned: none, yaw, so3; auto: none in published protocols, else so3.")
    ] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the turns, and of --world.")] = 0,
    model: Annotated[
        str,
        typer.Option(help="Source of hypotheses: upright, equivariant, invariant, or default: several in turn."),
    ] = "default",
    provider: Provider = "cpu",
    provider_options: ProviderOptions = "",
    json_file: Json = None,
    report: Report = None,
) -> None:
    """Share of right transforms, errors, wrong acceptances, calibration of the confidence, time on one thread.

    --kitti: pairs of scans with given gaps; right is < 5 deg and < 2 m. With --kitti-protocol the 555 published pairs.

    --world: pairs of scans in a simulated world, so many metres apart. No sensor can know the pairs of "G unknowable",
    nor those of "map": a scan in a cloud of its place and of its twins.

    --seven-scenes: fragments of a room; right is < 0.2 m, root mean square, between points that both show.

    --three-d-match: the published pairs; RR, RRE, RTE, and IR and FMR of the networks' matches.

    The source of a pair is turned by a random rotation about its sensor. It depends on --seed and the pair only.
    """
    use_one_thread()
    if sum(each is not None for each in (kitti, world, seven_scenes, three_d_match)) != 1:
        raise typer.BadParameter("name the data: one of --kitti, --world, --seven-scenes, --three-d-match")
    with clear_errors():
        from isometry.evaluation.registration import tasks
        from isometry.inference import ProviderParameters
        from isometry.registration.pipeline import load_registrar

        published = kitti_protocol or three_d_match is not None
        turn = ("none" if published else "so3") if rotate == "auto" else rotate
        counts = parse_whole_numbers("--gaps", gaps, "5,20,40")
        if world is not None:
            task = tasks.in_world(world, counts, every, turn, seed)
        elif seven_scenes is not None:
            task = tasks.fragments(seven_scenes, fragment_frames, turn, seed)
        elif three_d_match is not None:
            task = tasks.three_d_match(three_d_match, benchmark, turn, seed)
        elif kitti is not None and kitti_protocol:
            task = tasks.kitti_protocol(kitti, turn, seed)
        else:
            assert kitti is not None
            task = tasks.gaps_apart(kitti, sequence, poses, counts, every, drop_ground, turn, seed)
        registrar = load_registrar(model, provider=ProviderParameters(provider, provider_options))
        results = _measure(task, registrar)
        _publish(task, results, model, registrar, json_file, report)


def _measure(task: Task, registrar: Registrar) -> list[PairResult]:
    from isometry.evaluation.registration.measure import measure, pair_registration
    from isometry.evaluation.registration.protocols import pair_inlier_ratios

    with progress_bar("registering") as advance:

        def counted() -> Iterator[Case]:
            for done, case in enumerate(task.cases):
                advance(done, task.pairs)
                yield case
            advance(task.pairs, task.pairs)

        match = None if task.inlier_m is None else pair_inlier_ratios(registrar, task.inlier_m)
        return measure(counted(), pair_registration(registrar), match)


def _publish(
    task: Task, results: list[PairResult], model: str, registrar: Registrar, json_file: Path | None, report: Path | None
) -> None:
    from isometry.evaluation.common.provenance import provenance, write_json
    from isometry.evaluation.registration.measure import figures, networks_of

    origin = provenance(task.data, model, networks_of(registrar))
    result = (task.published(results) if task.published else {}) | figures(results, task.groups_name)
    if json_file is not None:
        write_json(json_file, origin | result)
    if report is not None:
        from isometry.evaluation.registration.report import write_report

        write_report(report, result, task.groups_name, origin, results)
    _print(result, task.groups_name)


def _print(result: dict[str, Any], groups_name: str) -> None:
    """Print the most important figures; the JSON has all."""
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
    for group, of_group in result[groups_name].items():
        table.add_row(group, *("-" if of_group[name] is None else f"{of_group[name]:.3g}" for name in columns))
    console = Console(highlight=False)
    console.print(table)
    for name, value in result.items():
        if isinstance(value, float):
            console.print(f"{name}: {value:.3g}")
        if name in ("inlier_ratio", "feature_matching_recall"):
            console.print(f"{name}: " + (", ".join(f"{k} {v:.3g}" for k, v in value.items()) or "no network"))
    inside = ", ".join(f"{axis} {'-' if v is None else f'{v:.2f}'}" for axis, v in result["inside_2_sigma"].items())
    console.print(f"inside_2_sigma: {inside}")
