"""What a model file does on an execution provider: its symmetry, its outputs beside the CPU's, its time."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isometry.arrays import AnyArray
from isometry.inference.contract import (
    Arrays,
    Contract,
    Function,
    largest_difference,
    session_function,
    symmetry_errors,
)
from isometry.inference.model import Model
from isometry.inference.parameters import ProviderParameters
from isometry.inference.session import open_session

WARM_UPS, RUNS = 5, 30  # of the measurement of time; the first runs on a graphics card choose its algorithms
ROUNDING = 10.0  # times the error on the card: rounding differs that much from one processor to the next
INEXACT = 1.05  # the same of a symmetry that is not exact: its error is far above all rounding
LEAST_LIMIT = 1e-5  # of a symmetry error, whatever the card says
MOST_DIFFERENCE = 1e-4  # from the CPU's outputs: full single precision gives 1e-6 to 1e-5, TF32 1e-3


@dataclass(frozen=True)
class FileCheck:
    """The figures of one model file on one provider."""

    symmetry: Mapping[str, float]  # errors, by the names on the card
    symmetry_on_cpu: Mapping[str, float]
    difference_to_cpu: float  # the largest of any output, relative to the output's largest value
    milliseconds: float  # of one run on inputs as large as a robot's, copies included: median
    milliseconds_on_cpu: float
    operators: Mapping[str, int]  # of one run, by the provider that ran them


def check_file(model: Model, contract: Contract, threads: int, provider: ProviderParameters) -> FileCheck:
    """Measure an opened model, and the same file on the CPU. A run of a recurrent network is a sequence of steps."""
    file, cpu = session_function(model.session), session_function(open_session(model.path, threads))
    inputs = contract.usual() if contract.usual else contract.example(0)
    return FileCheck(
        symmetry=symmetry_errors(file, contract),
        symmetry_on_cpu=symmetry_errors(cpu, contract),
        difference_to_cpu=relative_difference(contract.unroll(file)(inputs), contract.unroll(cpu)(inputs)),
        milliseconds=median_milliseconds(contract.unroll(file), inputs),
        milliseconds_on_cpu=median_milliseconds(contract.unroll(cpu), inputs),
        operators=operators_by_provider(model.path, contract, threads, provider),
    )


def faults(check: FileCheck, model: Model, contract: Contract) -> list[str]:
    """Where the figures are worse than the card says; empty when all is well."""
    found = []
    for name, error in check.symmetry.items():
        told = float(model.card["symmetry"][name])
        exact = contract.symmetries[name].tolerance is not None
        limit = max(told * (ROUNDING if exact else INEXACT), LEAST_LIMIT)
        if not error <= limit:
            found.append(f"{name} is {error:.1e}, where the card says {told:.1e} (limit {limit:.1e})")
    if not check.difference_to_cpu <= MOST_DIFFERENCE:
        difference = check.difference_to_cpu
        found.append(f"its outputs differ from the CPU's by {difference:.1e} (limit {MOST_DIFFERENCE:.0e})")
    if not check.operators.get(model.provider):
        found.append(f"{model.provider} runs none of its operators")
    return found


def relative_difference(found: Arrays, expected: Arrays) -> float:
    """The largest difference of any output, relative to the largest expected value of that output."""
    return max(largest_difference(found[name], array) / _largest(array) for name, array in expected.items())


def median_milliseconds(run: Function, inputs: Arrays) -> float:
    """Of one run."""
    for _ in range(WARM_UPS):
        run(inputs)
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        run(inputs)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds)) * 1e3


def operators_by_provider(path: Path, contract: Contract, threads: int, provider: ProviderParameters) -> dict[str, int]:
    """How many operators of one run of a file's example each provider runs, from onnxruntime's own profile.

    The list of a session's providers does not say it: a provider may be listed and run nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(path, threads, provider, profile=Path(folder) / "profile")
        contract.unroll(session_function(session))(contract.example(0))
        events = json.loads(Path(session.end_profiling()).read_text())
    ran = {(event["args"]["provider"], event["name"]) for event in events if "provider" in event.get("args", {})}
    return dict(Counter(name for name, _ in sorted(ran)))


def _largest(array: AnyArray) -> float:
    return max(float(np.abs(array).max()), float(np.finfo(np.float32).tiny))
