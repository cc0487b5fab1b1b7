"""Medians of a workload beside those of a reference workload, so that machines and their moods can be compared."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TIME_TOLERANCE = 1.5  # a workload has regressed when it takes so many times as long, against the reference
SIZE_TOLERANCE = 1.05
COLUMNS = ("name", "value", "unit", "ratio")


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    value: float
    unit: str  # "ms", or another one for what is no time
    ratio: float  # to the reference workload timed in the same run; of sizes and counts: the value itself

    def regressed(self, baseline: Figure) -> bool:
        """Whether this is worse than a committed figure by more than the tolerance."""
        return self.ratio > baseline.ratio * (TIME_TOLERANCE if self.unit == "ms" else SIZE_TOLERANCE)


def size(name: str, value: float, unit: str) -> Figure:
    """A figure that does not depend on the machine."""
    return Figure(name, value, unit, value)


def timed(name: str, work: Callable[[], object], rounds: int = 30) -> Figure:
    """Median milliseconds of processor time of `work`, in turns with the reference, after one call to warm up.

    Processor time, of all threads together, is what other programs on the machine change least.
    """
    work()
    data = np.random.default_rng(0).random((512, 256))
    reference, seconds = [], []
    for _ in range(rounds):
        reference.append(_seconds(lambda: reference_work(data)))
        seconds.append(_seconds(work))
    milliseconds = 1e3 * float(np.median(seconds))
    return Figure(name, milliseconds, "ms", milliseconds / (1e3 * float(np.median(reference))))


def reference_work(data: np.ndarray) -> np.ndarray:
    """What the ratios are to: sorting and transforming (512,256) numbers with numpy, on one thread."""
    spectrum: np.ndarray = np.abs(np.fft.rfft2(np.sort(data, axis=0)))
    return spectrum


def read_table(path: Path) -> dict[str, Figure]:
    """Figures of a table by name; empty when there is no such file."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["name"]: Figure(row["name"], float(row["value"]), row["unit"], float(row["ratio"])) for row in rows}


def write_table(path: Path, figures: Sequence[Figure]) -> None:
    """Write figures as a table, under a temporary name first."""
    temporary = path.with_suffix(".partial")
    with temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((f.name, f"{f.value:.4g}", f.unit, f"{f.ratio:.4g}") for f in figures)
    os.replace(temporary, path)


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
