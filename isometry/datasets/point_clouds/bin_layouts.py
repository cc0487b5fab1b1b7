"""Parser of scans in `.bin` files, which have no header: records of numbers that begin with x, y and z.

Data sets differ in the numbers: KITTI has four (float32, the last is the reflectance), nuScenes five, Waymo as it is
commonly converted six, NCLT three of 16 bits and two bytes. What a file holds is told from its values:

1. The number of columns. Each column has a distribution of its own. When numbers are dealt to as many columns as there
   are, the distributions of the columns differ most; to another number of columns, each gets a mixture.
2. Their type. Bytes read as another type give numbers that no sensor measures, huge or tiny.
3. That x comes first, and not a reflectance or a number of a laser, which are never negative.

Where this leaves a doubt, the file is refused, unless the number of columns is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.sensing.units import check_metres

FEWEST_COLUMNS, MOST_COLUMNS = 3, 16
SAMPLE = 8_000  # numbers that are looked at, in WINDOWS pieces out of the whole file
WINDOWS = 4
FEWEST_NUMBERS = 1000  # below, distributions cannot be compared
MOST_BINS, NUMBERS_A_BIN = 32, 10  # of a distribution; with few numbers a bin, all seem to differ
COORDINATES, OTHERS = (1e-9, 1e6), (1e-12, 1e12)  # smallest and largest magnitudes but for zero, in any unit
IMPLAUSIBLE_SHARE = 0.05  # of numbers beyond, in data of the right type: a simulated ray along x has y = 1e-16
CLEAR = 0.15  # least mean difference between the distributions of columns
SAME, LESS = 0.93, 0.85  # of the largest difference: what a multiple of the columns reaches; what others stay below
NAMES = {3: "x y z", 4: "as KITTI", 5: "as nuScenes", 6: "as Waymo"}
NCLT_RECORD = np.dtype([("position", "<u2", 3), ("intensity", "u1"), ("laser", "u1")])
NCLT_STEP, NCLT_ORIGIN, NCLT_LASERS = 0.005, -100.0, 32  # metres


@dataclass(frozen=True)
class BinLayout:
    """Columns of one type; NCLT's records are the exception."""

    columns: int
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        if self.dtype == NCLT_RECORD:
            return "records of 8 bytes, as NCLT"
        known = NAMES.get(self.columns, "x y z first") if self.dtype == "<f4" else "x y z first"
        return f"{self.columns} columns of {self.dtype.name}, {known}"


KITTI = BinLayout(4, np.dtype("<f4"))
NCLT = BinLayout(1, NCLT_RECORD)


def parse_bin(content: bytes, columns: int = 0) -> tuple[Array, BinLayout]:
    """Points (N,3) in metres, and their layout: `columns` of float32, or for 0, what the values tell.

    Raises ValueError where the layout is in doubt or does not fit, or where the points cannot be in metres.
    """
    if 0 < columns < FEWEST_COLUMNS:
        raise ValueError(f"a scan has at least {FEWEST_COLUMNS} columns, x, y and z, not {columns}")
    layout = BinLayout(columns, KITTI.dtype) if columns else layout_of(content)
    if layout is None:
        raise ValueError(
            "its values do not tell how many columns it has: give them (--columns or map_columns; 4 for KITTI)"
        )
    table = published_table(content, layout) if columns else table_of(content, layout)
    points = table[:, :3].astype(np.float64)
    finite = points[np.isfinite(points).all(axis=1)]
    check_metres(np.einsum("ij,ij->i", finite, finite))
    return points, layout


def table_of(content: bytes, layout: BinLayout) -> NDArray[Any]:
    """The columns (N,C) of a file, float32 for NCLT. Raises ValueError where it is not a whole number of records."""
    record = layout.columns * layout.dtype.itemsize
    if not content or len(content) % record:
        raise ValueError(f"truncated, {len(content)} bytes are not a whole number of {record}-byte points")
    if layout == NCLT:
        records = np.frombuffer(content, NCLT_RECORD)
        position = records["position"] * np.float32(NCLT_STEP) + np.float32(NCLT_ORIGIN)
        return np.column_stack([position, records["intensity"]]).astype(np.float32)
    return np.frombuffer(content, layout.dtype).reshape(-1, layout.columns)


def published_table(content: bytes, layout: BinLayout) -> NDArray[Any]:
    """The columns (N,C) of a file that was published in a layout of one type.

    Raises ValueError where its values contradict that; where they leave a doubt, the layout stands. So it does where
    the values repeat within a row, as those of two returns of each ray.
    """
    table = table_of(content, layout)
    found = layout_of(content)
    same = found is None or (found.dtype == layout.dtype and layout.columns % found.columns == 0)
    if not same:
        raise ValueError(f"it has {found}, not {layout}")
    if not _plausible(*_sample(content, layout.dtype), layout.columns):
        raise ValueError(f"its values are not those of {layout}")
    return table


def layout_of(content: bytes) -> BinLayout | None:
    """The layout that the values tell beyond doubt; None where they do not."""
    found = [NCLT] if _is_nclt(content) else []
    for dtype in (np.dtype("<f4"), np.dtype("<f8")):
        numbers, positions = _sample(content, dtype)
        columns = _columns(numbers, positions)
        if columns and _plausible(numbers, positions, columns) and _x_first(numbers, positions, columns):
            found.append(BinLayout(columns, dtype))
    return found[0] if len(found) == 1 else None


def _sample(content: bytes, dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Numbers (S,) out of the whole file, and their positions in it (S,)."""
    numbers = np.frombuffer(content, dtype, len(content) // dtype.itemsize)
    length = min(len(numbers), SAMPLE) // WINDOWS
    starts = np.linspace(0, len(numbers) - length, WINDOWS).astype(np.int64)
    if len(numbers) <= SAMPLE:
        return numbers, np.arange(len(numbers))
    positions = (starts[:, None] + np.arange(length)).reshape(-1)
    return numbers[positions], positions


def _plausible(numbers: NDArray[Any], positions: NDArray[np.int64], columns: int) -> bool:
    """Whether the columns can be measurements, x, y and z first. What was not measured is not a number in them."""
    for column in range(columns):
        smallest, largest = COORDINATES if column < 3 else OTHERS
        values = numbers[positions % columns == column]
        with np.errstate(invalid="ignore"):
            size = np.abs(values)
            bad = np.isinf(values) | (size > largest) | ((size > 0.0) & (size < smallest))
        if np.count_nonzero(bad) > IMPLAUSIBLE_SHARE * len(values):
            return False
    return len(numbers) > 0


def _x_first(numbers: NDArray[Any], positions: NDArray[np.int64], columns: int) -> bool:
    """Whether the first column is no reflectance, 0 to 1 or whole numbers."""
    first = numbers[(positions % columns == 0) & np.isfinite(numbers)]
    return bool((first < 0.0).any() or ((first > 1.0).any() and (first != np.floor(first)).any()))


def _columns(numbers: NDArray[Any], positions: NDArray[np.int64]) -> int | None:
    """The number of columns, as above; None where it is in doubt."""
    measured = np.isfinite(numbers)
    count = int(np.count_nonzero(measured))
    if count < FEWEST_NUMBERS:
        return None
    width = min(MOST_BINS, count // (NUMBERS_A_BIN * MOST_COLUMNS))
    edges = np.unique(np.quantile(numbers[measured], np.linspace(0.0, 1.0, width + 1)[1:-1]))
    bins = np.full(len(numbers), len(edges) + 1)
    bins[measured] = np.searchsorted(edges, numbers[measured], side="right")
    differences = {k: _difference(bins, positions % k, k) for k in range(FEWEST_COLUMNS, MOST_COLUMNS + 1)}
    most = max(differences.values())
    if most < CLEAR:
        return None
    columns = min(k for k, each in differences.items() if each > SAME * most)
    others = [each for k, each in differences.items() if k % columns]
    return columns if max(others) < LESS * most else None


def _difference(bins: NDArray[np.integer], column: NDArray[np.int64], columns: int) -> float:
    """Mean total variation distance, 0 to 1, between the distribution of a column and that of all."""
    width = int(bins.max()) + 1
    counts = np.bincount(column * width + bins, minlength=columns * width).reshape(columns, width)
    shares = counts / counts.sum(axis=1, keepdims=True)
    return float(0.5 * np.abs(shares - counts.sum(axis=0) / counts.sum()).sum(axis=1).mean())


def _is_nclt(content: bytes) -> bool:
    """Whether records of 8 bytes have a laser's number and coordinates within 100 m."""
    if len(content) % NCLT_RECORD.itemsize or not content:
        return False
    records = np.frombuffer(content, NCLT_RECORD)
    position = records["position"]
    inside = (position <= -2.0 * NCLT_ORIGIN / NCLT_STEP).all(axis=1)
    likely = (inside & (records["laser"] < NCLT_LASERS)).mean() > 1.0 - IMPLAUSIBLE_SHARE
    return bool(likely and np.ptp(position, axis=0).min() > 0)
