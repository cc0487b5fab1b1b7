"""Reader of RGB-D recordings in the layout of 7-Scenes.

Shotton et al., "Scene coordinate regression forests for camera relocalization in RGB-D images", CVPR 2013.

    published  DIR/seq-NN/frame-XXXXXX.{color.png, depth.png, pose.txt}; colour may be .jpg, poses may be missing
    flat       DIR/{color/XXXXXX.jpg, depth/XXXXXX.png, poses.txt, K.txt}: frame and 16 numbers in a line of poses.txt

With DIR/camera-intrinsics.txt, colour and depth are of one camera. Without it they are those of the Kinect with which
7-Scenes was recorded: two cameras beside each other, whose images are not registered, and poses of that of the depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from isometry.arrays import Array, Integers
from isometry.datasets.errors import DatasetError
from isometry.datasets.rgbd.recording import CameraRecording, DepthFormat, camera_of_images
from isometry.datasets.rgbd.tables import check_pose, read_camera_matrix, read_numbers, read_pose
from isometry.datasets.seven_scenes import NO_DEPTH_MM, PUBLISHED, frame_numbers, sequence_folders
from isometry.geometry import se3

RATE_HZ = 30.0
DEPTH = DepthFormat(1e-3, (0, NO_DEPTH_MM))
COLOUR_MATRIX = np.array([[525.0, 0.0, 320.0], [0.0, 525.0, 240.0], [0.0, 0.0, 1.0]])
# Metres from the depth camera to the colour camera of a Kinect, which look the same way. 7-Scenes is published without
# it; of the shifts tried on redkitchen, the edges of the depth lie best on those of the colour at this one.
TRANSLATION_COLOUR_DEPTH = np.array([-0.025, 0.0, 0.0])


@dataclass(frozen=True, eq=False)
class _Walk:
    """The files of one walk."""

    name: str
    frames: Integers  # (N,)
    colour: tuple[Path, ...]  # N
    depth: tuple[Path, ...]  # N or none
    T_world_pose: Array | None  # (N,4,4)


def is_seven_scenes(root: Path) -> bool:
    """Whether a folder has one of the layouts."""
    return any(path.is_dir() for path in root.glob("seq-*")) or _is_flat(root)


def open_seven_scenes(root: Path) -> list[CameraRecording]:
    """The walks of a scene, in order. Raises DatasetError naming what is missing or cannot be used."""
    root = Path(root)
    if _is_flat(root):
        return [_recording(root, _flat_walk(root), root / "K.txt")]
    return [_recording(root, _published_walk(folder), None) for folder in sequence_folders(root)]


def _is_flat(root: Path) -> bool:
    return (root / "color").is_dir() and (root / "poses.txt").exists()


def _recording(root: Path, walk: _Walk, depth_matrix: Path | None) -> CameraRecording:
    own = root / "camera-intrinsics.txt"
    matrix = read_camera_matrix(own) if own.exists() else COLOUR_MATRIX
    recording = CameraRecording(
        name=walk.name,
        stamps_s=walk.frames / RATE_HZ,
        colour_paths=walk.colour,
        camera=camera_of_images(matrix, walk.colour[0]),
        depth_paths=walk.depth,
        depth_format=DEPTH,
        T_world_pose=walk.T_world_pose,
    )
    if own.exists():
        return recording
    matrix = PUBLISHED.matrix() if depth_matrix is None else read_camera_matrix(depth_matrix)
    T_colour_depth = se3.from_rotation_translation(np.eye(3), TRANSLATION_COLOUR_DEPTH)
    return replace(
        recording,
        depth_camera=camera_of_images(matrix, walk.depth[0]) if walk.depth else None,
        T_colour_depth=T_colour_depth,
        T_pose_colour=se3.inverse(T_colour_depth),
    )


def _published_walk(folder: Path) -> _Walk:
    colour = sorted([*folder.glob("frame-*.color.png"), *folder.glob("frame-*.color.jpg")])
    if not colour:
        raise DatasetError(f"{folder}: no frame-XXXXXX.color.png or .color.jpg in it")
    stems = [path.name.partition(".")[0] for path in colour]
    frames = frame_numbers(colour)
    poses = [folder / f"{stem}.pose.txt" for stem in stems]
    T_world_pose = np.array([read_pose(path) for path in poses]) if any(path.exists() for path in poses) else None
    depth = _all_or_none([folder / f"{stem}.depth.png" for stem in stems])
    return _Walk(f"{folder.parent.resolve().name}/{folder.name}", frames, tuple(colour), depth, T_world_pose)


def _flat_walk(root: Path) -> _Walk:
    colour = sorted([*(root / "color").glob("*.jpg"), *(root / "color").glob("*.png")])
    if not colour:
        raise DatasetError(f"{root / 'color'}: no images in it")
    frames = frame_numbers(colour)
    depth = _all_or_none([root / "depth" / f"{path.stem}.png" for path in colour])
    table = read_numbers(root / "poses.txt", 17)
    pose_of = {int(row[0]): row[1:].reshape(4, 4) for row in table}
    for frame in frames:
        if int(frame) not in pose_of:
            raise DatasetError(f"{root / 'poses.txt'}: no pose for frame {frame}")
        check_pose(pose_of[int(frame)], f"{root / 'poses.txt'}: frame {frame}")
    poses = np.array([pose_of[int(frame)] for frame in frames])
    return _Walk(root.resolve().name, frames, tuple(colour), depth, poses)


def _all_or_none(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The paths where there are such files; a single one that is missing is told when it is read."""
    return tuple(paths) if any(path.exists() for path in paths) else ()
