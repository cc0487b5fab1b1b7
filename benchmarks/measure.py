"""Median times of workloads, relative to a reference workload, so that different machines can be compared."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TIME_TOLERANCE = 1.5  # of the ratio to the committed ratio of a time; above it, it has regressed
SIZE_TOLERANCE = 1.05  # the same for sizes and counts
COLUMNS = ("name", "value", "unit", "ratio")


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    value: float
    unit: str  # "ms" for a time that is compared, any other unit for sizes and counts
    ratio: float  # of a time to that of the reference workload in the same run; of a size or count, the value itself

    def regressed(self, baseline: Figure) -> bool:
        """Whether this figure exceeds a committed one by more than the tolerance."""
        return self.ratio > baseline.ratio * (TIME_TOLERANCE if self.unit == "ms" else SIZE_TOLERANCE)


def size(name: str, value: float, unit: str) -> Figure:
    """A figure that does not depend on the machine."""
    return Figure(name, value, unit, value)


def timed(name: str, work: Callable[[], object], rounds: int = 30) -> Figure:
    """Median processor time of `work` in milliseconds, in alternation with the reference, after one warm-up call.

    Processor time, summed over threads, depends less than wall-clock time on other programs of the machine.
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
    """The reference workload: sorting and Fourier transform of (512,256) numbers with numpy, on one thread."""
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
    """Write figures as a table; the file is replaced only when it is complete."""
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
