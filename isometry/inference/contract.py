"""The contract of a network: what goes in and out, how that transforms under a group, and an example to measure it on.

One description serves every place where the symmetry of a network is measured: the tests of layers and networks, the
export, and `isometry models show`, which measures the shipped file itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnxruntime

from isometry.arrays import AnyArray

LEAST_CONTROL = 1e-2  # error that a network without the symmetry must have at least

Arrays = Mapping[str, AnyArray]
Function = Callable[[Arrays], Arrays]  # a network, from its inputs by name to its outputs by name
Element = Any  # of a group: whatever the representations of a contract take
Representation = Callable[[AnyArray, Element], AnyArray]  # what an element of the group does to an array


def invariant(array: AnyArray, element: Element) -> AnyArray:
    """The trivial representation: the array itself."""
    return array


@dataclass(frozen=True)
class Port:
    """An input or an output of a network.

    The representation of an output gives NaN for values that are not to be compared; None: the output is not compared.
    """

    description: str  # dtype, shape, unit
    transform: Representation | None = invariant
    scale: float | None = None  # of an output: what its errors are relative to; None: its largest value


@dataclass(frozen=True)
class Symmetry:
    """Elements of the group, and the largest error that a network may have under them."""

    elements: Sequence[Element]
    tolerance: float | None = 1e-4  # None: the symmetry is not exact; its error is measured and reported


@dataclass(frozen=True)
class Contract:
    """What the file of a task has to be."""

    task: str
    group: str
    frame: str  # that inputs and outputs are expressed in
    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]
    symmetries: Mapping[str, Symmetry]  # by the name that the error has on the card
    example: Callable[[int], Arrays]  # inputs from a seed, of other lengths where the network takes any length
    tolerance: float = 1e-4  # of the difference between the file and the network that it was made of
    unroll: Callable[[Function], Function] = lambda function: function
    """Turns one call of the network into a run on an example; of a recurrent network, step by step over a sequence."""
    usual: Callable[[], Arrays] | None = None
    """Inputs as large as a robot's, on which time is measured; None: the example."""


def symmetry_errors(function: Function, contract: Contract, dtype: type = np.float32) -> dict[str, float]:
    """By symmetry, the largest difference of any output between transforming before and after the network.

    `function` is one call of the network. Floating-point inputs have `dtype`.
    """
    run = contract.unroll(function)
    inputs = as_dtype(contract.example(0), dtype)
    outputs = run(inputs)
    errors = {}
    for name, symmetry in contract.symmetries.items():
        worst = [_error(run, contract, inputs, outputs, element) for element in symmetry.elements]
        errors[name] = max(worst)
    return errors


def check_symmetry(errors: Mapping[str, float], contract: Contract, subject: object) -> None:
    """Raise ValueError, which begins with `subject`, for the first error that is more than its tolerance."""
    for name, error in errors.items():
        tolerance = contract.symmetries[name].tolerance
        if tolerance is not None and not error <= tolerance:
            raise ValueError(f"{subject}: {name} is {error:.1e}, more than {tolerance:g}")


def assert_equivariant(function: Function, contract: Contract, tolerance: float, dtype: type = np.float32) -> None:
    """Raise AssertionError when an exact symmetry errs by more than `tolerance`, or when the negative control passes.

    The negative control is the same network behind a mask that stays in place.
    """
    control = symmetry_errors(function, behind_mask(contract), dtype)
    for name, error in symmetry_errors(function, contract, dtype).items():
        if contract.symmetries[name].tolerance is not None:
            assert error <= tolerance, f"{name}: equivariance error {error:.2e} is more than {tolerance:.0e}"
            assert control[name] > LEAST_CONTROL, f"{name}: the negative control errs by {control[name]:.2e} only"


def behind_mask(contract: Contract) -> Contract:
    """The contract of a network whose inputs are multiplied by a pattern that stays in place: it has no symmetry."""
    transformed = {name for name, port in contract.inputs.items() if port.transform is not invariant}

    def unroll(function: Function) -> Function:
        run, random = contract.unroll(function), np.random.default_rng(0)
        shapes = {name: array.shape for name, array in contract.example(0).items() if name in transformed}
        masks = {name: random.uniform(0.5, 1.5, shape) for name, shape in shapes.items()}
        return lambda inputs: run(
            {
                name: (array * masks[name]).astype(array.dtype) if name in masks and array.dtype.kind == "f" else array
                for name, array in inputs.items()
            }
        )

    return replace(contract, unroll=unroll)


def session_function(session: onnxruntime.InferenceSession) -> Function:
    """An exported file as a function of arrays by name."""
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(None, dict(inputs)), strict=True))


def as_dtype(arrays: Arrays, dtype: type) -> Arrays:
    """The arrays with every floating-point one in `dtype`."""
    return {name: array.astype(dtype) if array.dtype.kind == "f" else array for name, array in arrays.items()}


def largest_difference(found: AnyArray, expected: AnyArray) -> float:
    """The largest absolute difference of two arrays; infinite when one of them has a value that is not finite."""
    worst = float(np.abs(found - expected).max())
    return worst if np.isfinite(worst) else np.inf


def _error(run: Function, contract: Contract, inputs: Arrays, outputs: Arrays, element: Element) -> float:
    moved = {name: _transformed(contract.inputs[name], array, element) for name, array in inputs.items()}
    found = run(moved)
    errors = []
    for name, port in contract.outputs.items():
        if port.transform is None:
            continue
        if not np.isfinite(outputs[name]).all():
            return np.inf
        expected = port.transform(outputs[name], element)
        known = np.isfinite(expected)
        scale = port.scale or float(np.abs(outputs[name]).max())
        if not known.any() or scale == 0.0:
            raise ValueError(f"the output {name} is zero, or the contract excludes all of it: nothing to measure")
        errors.append(largest_difference(found[name][known], expected[known]) / scale)
    return max(errors)


def _transformed(port: Port, array: AnyArray, element: Element) -> AnyArray:
    if port.transform is None:
        raise ValueError("a contract must say how each input transforms")
    return np.ascontiguousarray(port.transform(array, element), array.dtype)
