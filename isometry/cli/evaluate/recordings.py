"""The options that name a recording of a camera, and the recordings that they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from isometry.datasets.rgbd.recording import CameraRecording

SevenScenes = Annotated[Path | None, typer.Option(help="Scene of RGB-D walks in 7-Scenes' layout: seq-NN folders.")]
Tum = Annotated[Path | None, typer.Option(help="Recording in TUM's RGB-D layout: rgb.txt, depth.txt.")]
KittiImages = Annotated[Path | None, typer.Option(help="KITTI odometry directory with images: sequences/NN/image_0.")]
ImageSequence = Annotated[str | None, typer.Option("--sequence", help="Which sequence of --kitti-images: NN.")]
Every = Annotated[int, typer.Option(min=1, help="Take every K-th frame alone.")]


def open_recordings(
    seven_scenes: Path | None, tum: Path | None, kitti_images: Path | None, sequence: str | None
) -> list[CameraRecording]:
    """The walks or drives of the one layout that is named.

    Raises ValueError where none or several are named, and DatasetError naming what is missing or cannot be used.
    """
    from isometry.datasets.rgbd.kitti_images import open_kitti_images
    from isometry.datasets.rgbd.seven_scenes import open_seven_scenes
    from isometry.datasets.rgbd.tum import open_tum

    if sum(each is not None for each in (seven_scenes, tum, kitti_images)) != 1:
        raise ValueError("name the recording: one of --seven-scenes, --tum and --kitti-images")
    if sequence is not None and kitti_images is None:
        raise ValueError("--sequence is of --kitti-images alone")
    if seven_scenes is not None:
        return open_seven_scenes(seven_scenes)
    if tum is not None:
        return [open_tum(tum)]
    assert kitti_images is not None
    return [open_kitti_images(kitti_images, sequence)]


def open_folder(folder: Path) -> list[CameraRecording]:
    """The walks of a folder with depth images, in 7-Scenes' or in TUM's layout, whichever it has.

    Raises DatasetError for neither, and as `open_recordings` does.
    """
    from isometry.datasets.errors import DatasetError
    from isometry.datasets.rgbd.seven_scenes import is_seven_scenes, open_seven_scenes
    from isometry.datasets.rgbd.tum import is_tum, open_tum

    if is_tum(folder):
        return [open_tum(folder)]
    if is_seven_scenes(folder):
        return open_seven_scenes(folder)
    found = "neither seq-NN folders nor a file rgb.txt in it" if folder.is_dir() else "no such directory"
    raise DatasetError(f"{folder}: {found}")
