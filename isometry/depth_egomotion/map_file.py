"""The file of a map of keyframes: one .npz archive of NumPy."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

from isometry.arrays import AnyArray
from isometry.depth_egomotion.features import Features
from isometry.depth_egomotion.graph import Relation
from isometry.depth_egomotion.keyframe import Keyframe
from isometry.depth_egomotion.keyframe_map import KeyframeMap
from isometry.depth_egomotion.surfaces import BLOCK, Surfaces
from isometry.geometry import se3

VERSION = 1
DESCRIPTOR_UNIT = 1.0 / 255.0  # a descriptor is stored in bytes


class MapFileError(ValueError):
    """A file that cannot be read as a map of keyframes; the message names it."""


def save_map(path: Path, keyframes: KeyframeMap) -> None:
    """Write a map under a temporary name, then rename it: a map that was there is replaced as a whole, or not at all.

    Raises ValueError for an empty map, and OSError.
    """
    if not len(keyframes):
        raise ValueError("there is no keyframe to save yet")
    arrays: dict[str, AnyArray] = {
        "version": np.array(VERSION),
        "numbers": np.array(sorted(keyframes.keyframes)),
        "T_map_keyframe": keyframes.graph.T_map_keyframe,
        "parts": np.array(keyframes.parts),
        "ends": np.array([(each.first, each.second) for each in keyframes.graph.relations]).reshape(-1, 2),
        "T_first_second": np.array([each.T_first_second for each in keyframes.graph.relations]).reshape(-1, 4, 4),
        "covariances": np.array([each.covariance for each in keyframes.graph.relations]).reshape(-1, 6, 6),
    }
    for number, keyframe in keyframes.keyframes.items():
        arrays |= {f"{number}/{name}": value for name, value in _arrays_of(keyframe).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open(temporary, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_map(path: Path) -> KeyframeMap:
    """Read a map. Raises MapFileError naming a file that is not there or cannot be read."""
    if not path.is_file():
        raise MapFileError(f"{path}: no such file")
    try:
        with ZipFile(path) as archive:
            if archive.testzip() is not None:  # before NumPy makes anything of damaged parts
                raise BadZipFile
        with np.load(path, allow_pickle=False) as arrays:
            if int(arrays["version"]) != VERSION:
                raise MapFileError(f"{path}: a map of version {int(arrays['version'])}, this program reads {VERSION}")
            keyframes = KeyframeMap()
            stored = {int(number): _keyframe_of(arrays, int(number)) for number in arrays["numbers"]}
            poses, parts = arrays["T_map_keyframe"], arrays["parts"]
            for number, (T_map_keyframe, part) in enumerate(zip(poses, parts, strict=True)):
                se3.check(T_map_keyframe, "a pose")
                keyframes.restore(stored.get(number), T_map_keyframe, int(part))
            for ends, T_first_second, covariance in zip(
                arrays["ends"], arrays["T_first_second"], arrays["covariances"], strict=True
            ):
                keyframes.restore_relation(Relation(int(ends[0]), int(ends[1]), T_first_second, covariance))
    except (
        OSError,
        EOFError,
        LookupError,
        NotImplementedError,
        RuntimeError,
        TypeError,
        ValueError,
        BadZipFile,
        zlib.error,
    ) as error:
        if isinstance(error, MapFileError):
            raise
        raise MapFileError(f"{path}: not a map of keyframes, or damaged") from error
    return keyframes


NAMES = (
    *(
        "stamp_ns",
        "grey",
        "matrix",
        "pixels",
        "points",
        "surface_points",
        "surface_normals",
        "surface_tilts",
        "surface_known",
    ),
    *("surface_images", "feature_pixels", "feature_points", "descriptors"),
)


def _check_shapes(stored: dict[str, AnyArray]) -> None:
    """Raise ValueError for arrays of a keyframe that do not belong together."""
    corners, features = len(stored["pixels"]), len(stored["feature_pixels"])
    rows, columns = stored["grey"].shape
    blocks = (rows // BLOCK, columns // BLOCK)
    shapes: dict[str, tuple[int, ...]] = {
        **{"stamp_ns": (), "matrix": (3, 3), "pixels": (corners, 2), "points": (corners, 3)},
        **{"surface_points": (*blocks, 3), "surface_normals": (*blocks, 3)},
        **{"surface_tilts": blocks, "surface_known": blocks, "surface_images": blocks},
        **{"feature_pixels": (features, 2), "feature_points": (features, 3), "descriptors": (features, 128)},
    }
    for name, shape in shapes.items():
        if stored[name].shape != shape:
            raise ValueError(f"{name} has the shape {stored[name].shape}, not {shape}")


def _arrays_of(keyframe: Keyframe) -> dict[str, AnyArray]:
    surfaces, features = keyframe.surfaces, keyframe.features
    values = (
        *(np.array(keyframe.stamp_ns), keyframe.grey, keyframe.matrix, keyframe.pixels, keyframe.points),
        *(
            surfaces.points.astype(np.float32),
            surfaces.normals.astype(np.float32),
            surfaces.tilts.astype(np.float32),
            surfaces.known,
        ),
        *(surfaces.images.astype(np.uint8), features.pixels, features.points.astype(np.float32)),
        np.rint(features.descriptors / DESCRIPTOR_UNIT).astype(np.uint8),
    )
    return dict(zip(NAMES, values, strict=True))


def _keyframe_of(arrays: Mapping[str, AnyArray], number: int) -> Keyframe:
    stored = {name: arrays[f"{number}/{name}"] for name in NAMES}
    _check_shapes(stored)
    surfaces = Surfaces(
        stored["surface_points"].astype(np.float64),
        stored["surface_normals"].astype(np.float64),
        stored["surface_tilts"].astype(np.float64),
        stored["surface_known"],
        stored["surface_images"].astype(np.float64),
    )
    descriptors = stored["descriptors"].astype(np.float32) * np.float32(DESCRIPTOR_UNIT)
    features = Features(stored["feature_pixels"], stored["feature_points"].astype(np.float64), descriptors)
    return Keyframe(
        int(stored["stamp_ns"]),
        stored["grey"],
        stored["matrix"],
        stored["pixels"],
        stored["points"],
        surfaces,
        features,
    )
