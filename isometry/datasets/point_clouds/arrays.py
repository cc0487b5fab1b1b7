"""Parsers of NumPy's files: .npy with one array, .npz with several."""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib

import numpy as np
from numpy.lib import format as npy

from isometry.arrays import AnyArray, Array

NAMES = ("points", "positions", "xyz")  # of the array of points in an .npz that has others too
DEFLATE_AT_MOST = 1032  # bytes out of one compressed byte


def parse_npy(content: bytes) -> Array:
    """Points (N,3) of an array (N,3) or wider. Raises ValueError that says what does not fit."""
    return _points(_array(content))


def parse_npz(content: bytes) -> Array:
    """Points (N,3) of the only array of a file, or of the one named `points`, `positions` or `xyz`.

    Raises ValueError that says what does not fit.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            name = next((name for name in NAMES if name in members), None)
            if name is None and len(members) == 1:
                (name,) = members
            if name is None:
                there = ", ".join(members) or "none"
                raise ValueError(f"none of its arrays is named {', '.join(NAMES)} (arrays: {there})")
            info = members[name]
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError("its arrays are compressed in a way that NumPy does not use")
            if info.file_size > DEFLATE_AT_MOST * info.compress_size:
                raise ValueError(f"{info.compress_size} compressed bytes cannot hold the {info.file_size} it promises")
            return _points(_array(archive.read(info)))
    except (zipfile.BadZipFile, zlib.error, struct.error, LookupError, EOFError, RuntimeError, OSError) as error:
        raise ValueError(f"not arrays that can be read ({error})") from error


def _array(content: bytes) -> AnyArray:
    stream = io.BytesIO(content)
    try:
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_column, dtype = read_header(stream)
    except Exception as error:  # NumPy lets errors of Python's own parser through
        raise ValueError(f"not an array that can be read ({error})") from error
    if dtype.hasobject or dtype.itemsize == 0 or min(shape, default=0) < 0:
        raise ValueError(f"points must be numbers (N,3), these are {shape} of {dtype}")
    needed, there = math.prod(shape) * dtype.itemsize, len(content) - stream.tell()
    if there < needed:
        raise ValueError(f"cut off, an array of shape {shape} has {needed} bytes and {there} are there")
    array = np.frombuffer(content, dtype, math.prod(shape), stream.tell())
    return array.reshape(shape, order="F" if by_column else "C")


def _points(array: AnyArray) -> Array:
    if array.ndim != 2 or array.shape[1] < 3 or array.dtype.kind not in "fiu":
        raise ValueError(f"points must be numbers (N,3), these are {array.shape}")
    return array[:, :3].astype(np.float64)
