"""`isometry train registration-pairs`, `registration` and `registration-calibration`."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.arguments import parse_drive
from isometry.cli.common.progress import clear_errors, needs_training_extra, progress_bar

WORLD_SEED = 700_000  # far from the seeds that worlds are judged on


def registration_pairs(
    output: Annotated[Path, typer.Option(help="Folder of the prepared pairs.")],
    drive: Annotated[
        list[str] | None,
        typer.Option(help="A drive in KITTI's layouts, DIR:SEQUENCE or DIR:SEQUENCE:POSES; may be repeated."),
    ] = None,
    real: Annotated[int, typer.Option(help="Pairs of each drive.")] = 100,
    simulated: Annotated[
        int, typer.Option(help="Pairs of each kind of simulated place; each takes a second or two.")
    ] = 400,
    seed: Annotated[int, typer.Option(help="Seed of every random process.")] = 0,
) -> None:
    """Prepare pairs of clouds, real and simulated, for `isometry train registration`."""
    with clear_errors():
        import numpy as np

        from isometry.datasets.kitti.scans import open_scans
        from isometry.simulation.pairs import KINDS
        from isometry.training.registration.pairs import real_pairs, simulated_pairs, write_pairs

        for k, text in enumerate(drive or []):
            root, sequence, poses = parse_drive("--drive", text)
            scans = open_scans(root, sequence, poses)
            pairs = real_pairs(scans, real, np.random.default_rng([seed, k]))
            with progress_bar(f"drive {sequence}") as advance:
                write_pairs(pairs, f"drive{k}-{sequence}", True, output, seed, lambda done: advance(done + 1, real))
        for kind in KINDS:
            pairs = simulated_pairs(kind, range(seed, seed + simulated))
            with progress_bar(kind) as advance:
                write_pairs(pairs, kind, kind == "street", output, seed, lambda done: advance(done + 1, simulated))


def registration(
    pairs: Annotated[Path, typer.Option(help="Folder that `isometry train registration-pairs` wrote.")],
    output: Annotated[Path, typer.Option(help="Folder for the log, the checkpoint and the trained network.")],
    network: Annotated[str, typer.Option(help="Which network: equivariant or invariant.")] = "equivariant",
    steps: Annotated[int, typer.Option(help="Optimiser steps, a pair of clouds each.")] = 9000,
    seed: Annotated[int, typer.Option(help="Seed of every random process.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    start: Annotated[Path | None, typer.Option(help="A trained network whose weights are the first ones.")] = None,
    resume: Annotated[Path | None, typer.Option(help="A checkpoint.pt to go on from.")] = None,
) -> None:
    """Train a feature network of registration; writes log.csv, checkpoint.pt and registration_NETWORK.pt."""
    with clear_errors():
        with needs_training_extra("training"):
            import torch
        from isometry.training.registration.recipe import RegistrationTrainingParameters
        from isometry.training.registration.train import train

        torch.set_num_threads(threads)
        parameters = RegistrationTrainingParameters(steps=steps, seed=seed)
        with progress_bar(f"training the {network} network") as advance:
            train(pairs, network, parameters, output, resume, start, advance)


def registration_calibration(
    kitti_raw: Annotated[
        list[Path] | None, typer.Option(help="A training drive: DIR with velodyne_points/data and pseudo_poses.txt.")
    ] = None,
    world: Annotated[
        list[str] | None, typer.Option(help="A simulated world, as in `isometry evaluate registration`.")
    ] = None,
    count: Annotated[
        int, typer.Option(min=10, help="Pairs of each simulated kind, of each drive and of each world.")
    ] = 60,
    model: Annotated[
        str, typer.Option(help="Source of hypotheses: default, upright, equivariant or invariant.")
    ] = "default",
    seed: Annotated[int, typer.Option(help="Seed of pairs and turns.")] = 0,
) -> None:
    """Print the constants of registration/calibration.py as fitted to simulated pairs and to training drives."""
    with clear_errors():
        from rich.progress import track

        from isometry.datasets.kitti.scans import open_scans
        from isometry.registration.pipeline import load_registrar
        from isometry.simulation.pairs import KINDS
        from isometry.simulation.worlds.registry import build_world
        from isometry.training.registration.calibration import (
            calibration_pairs,
            fit_confidence,
            fit_deviation_scale,
            registered,
        )

        folders = kitti_raw or []
        drives = [open_scans(folder.parent, folder.name, folder / "pseudo_poses.txt") for folder in folders]
        worlds = [build_world(name, WORLD_SEED + seed) for name in world or []]
        pairs = calibration_pairs(drives, worlds, count, seed)
        total = count * (len(KINDS) + len(drives) + len(worlds))
        counted = track(islice(pairs, total), "registering", total=total)
        found = list(registered(load_registrar(model), counted, seed))
        typer.echo(f"{len(found)} pairs, {sum(pair.right for pair in found)} of them registered right")
        for kind, blind in (("SIGHTED", False), ("BLIND", True)):
            for name, value in fit_confidence(found, blind).items():
                typer.echo(f"{kind} {name} = {value:.4g}")
        if drives:
            typer.echo(f"SURFACE_METRES times {fit_deviation_scale(found):.4g}")
