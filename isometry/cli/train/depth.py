"""`isometry train depth`: the depth network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isometry.cli.common.arguments import parse_drive, parse_frames
from isometry.cli.common.progress import clear_errors, needs_training_extra, progress_bar

if TYPE_CHECKING:
    from isometry.training.depth.preparation import Part

RGBD = "A folder in 7-Scenes' or TUM's layout to train on, or DIR@A:B for some of its frames; may be repeated."
HELD = "The same for frames whose errors are logged."
DRIVE = "DIR:SEQUENCE of KITTI images without depth, or a folder with left/; may be repeated."


def depth(
    output: Annotated[Path, typer.Option(help="Folder for the log, the checkpoint and the trained network.")],
    rgbd: Annotated[list[str] | None, typer.Option(help=RGBD)] = None,
    held: Annotated[list[str] | None, typer.Option(help=HELD)] = None,
    kitti_images: Annotated[list[str] | None, typer.Option(help=DRIVE)] = None,
    prepared: Annotated[
        Path | None, typer.Option(help="File .npz that keeps the prepared rooms and their new views; made if missing.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 4000,
    views: Annotated[int, typer.Option(min=0, help="New views of each room whose poses are known.")] = 200,
    pairs: Annotated[int, typer.Option(min=0, help="Pairs of images of drives in a step.")] = 1,
    split: Annotated[
        bool, typer.Option(help="Constrain each component of the motion by the split of the flow.")
    ] = True,
    straight: Annotated[
        bool, typer.Option("--straight", help="Begin with straight motions, and not with the recorded ones.")
    ] = False,
    motion_rate: Annotated[
        float, typer.Option(min=0.0, help="How much faster than the network the motions of the pairs learn.")
    ] = 2e-3,
    device: Annotated[str, typer.Option(help="cpu, or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Seed of every random process.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
    resume: Annotated[Path | None, typer.Option(help="A checkpoint.pt to go on from.")] = None,
) -> None:
    """Train on rooms with measured depth, on new views of them, and on drives without depth.

    Writes log.csv, checkpoint.pt and depth.pt.
    """
    with clear_errors():
        with needs_training_extra("training"):
            import torch
        from isometry.datasets.rgbd.kitti_images import open_kitti_images
        from isometry.training.depth.drives import drive_of
        from isometry.training.depth.preparation import rooms_of
        from isometry.training.depth.recipe import DepthTrainingParameters
        from isometry.training.depth.rooms import load_rooms, save_rooms
        from isometry.training.depth.train import train

        torch.set_num_threads(threads)
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise ValueError(f"--device {device}: torch finds no graphics card")
        parameters = DepthTrainingParameters(steps=steps, seed=seed, pairs=pairs, motion_rate=motion_rate)
        parameters = parameters if split else replace(parameters, split_weight=0.0)
        origin = f"{', '.join(rgbd or [])}, {views} views, seed {seed}"
        if prepared is not None and prepared.exists():
            rooms = load_rooms(prepared, origin)
        else:
            with progress_bar("preparing rooms") as advance:
                rooms = rooms_of(_parts(rgbd or []), views, seed, advance)
            if prepared is not None:
                save_rooms(rooms, origin, prepared)
        others = rooms_of(_parts(held or []), 0, seed)
        drives = []
        for text in kitti_images or []:
            folder, sequence = (Path(text), None) if (Path(text) / "left").is_dir() else _sequence(text)
            drives.append(drive_of(open_kitti_images(folder, sequence), straight))
        with progress_bar("training depth") as advance:
            train(rooms, drives, others, parameters, output, device, resume, advance)


def _parts(texts: list[str]) -> list[Part]:
    """The frames that texts name. Raises ValueError for a part that has none."""
    from isometry.datasets.rgbd.seven_scenes import open_seven_scenes
    from isometry.datasets.rgbd.tum import is_tum, open_tum
    from isometry.training.depth.preparation import Part

    parts = []
    for text in texts:
        name, _, frames = text.partition("@")
        chosen, folder = parse_frames(frames or ":"), Path(name)
        for recording in [open_tum(folder)] if is_tum(folder) else open_seven_scenes(folder):
            rows = range(len(recording))[chosen]
            if not rows:
                raise ValueError(f"{text}: {recording.name} has {len(recording)} frames")
            parts.append(Part(recording, rows))
    return parts


def _sequence(text: str) -> tuple[Path, str]:
    folder, sequence, _ = parse_drive("--kitti-images", text)
    return folder, sequence
