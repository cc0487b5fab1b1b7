"""Equivariance, measured on any function and on the exported encoder itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

Array = NDArray[Any]
Function = Callable[[Array], Sequence[Array]]
Action = tuple[Callable[[Array], Array], Sequence[Callable[[Array], Array]]]  # on the input; on each output


def equivariance_error(function: Function, inputs: Array, actions: Sequence[Action]) -> float:
    """Largest difference, relative to each output's largest value, of acting before and after a function.

    An action is what is done to the input and, output by output, what that must do to the output.
    """
    outputs = function(inputs)
    worst = 0.0
    for on_input, on_outputs in actions:
        moved = function(np.ascontiguousarray(on_input(inputs)))
        for output, found, act in zip(outputs, moved, on_outputs, strict=True):
            worst = max(worst, float(np.abs(found - act(output)).max() / np.abs(output).max()))
    return worst


def assert_equivariant(function: Function, inputs: Array, actions: Sequence[Action], tolerance: float) -> None:
    """Raise AssertionError when `equivariance_error` is more than `tolerance`."""
    error = equivariance_error(function, inputs, actions)
    assert error <= tolerance, f"equivariance error {error:.2e} is more than {tolerance:.0e}"


def quarter_turns() -> list[Action]:
    """Turns of bird's-eye images (N,1,S,S) by 90, 180 and 270 degrees.

    Descriptors stay; features (N,8,F,H,W) turn, and move by two of their eight orientations a quarter.
    """

    def action(turns: int) -> Action:
        def turn_features(features: Array) -> Array:
            return np.roll(np.rot90(features, turns, axes=(3, 4)), 2 * turns, axis=1)

        return (lambda images: np.rot90(images, turns, axes=(2, 3)), (lambda descriptors: descriptors, turn_features))

    return [action(turns) for turns in (1, 2, 3)]


def example_images(size: int, cap: int = 10, count: int = 4, seed: int = 0) -> NDArray[np.float32]:
    """Random sparse images (count,1,size,size), about as full as real ones."""
    random = np.random.default_rng(seed)
    filled = random.random((count, 1, size, size)) < 0.06
    return np.asarray(filled * random.integers(1, cap + 1, filled.shape), np.float32)


def encoder_turn_error(session: onnxruntime.InferenceSession, images: NDArray[np.float32] | None = None) -> float:
    """`equivariance_error` of an exported bird's-eye encoder under quarter turns of images, random ones by default."""
    if images is None:
        images = example_images(session.get_inputs()[0].shape[-1])
    return equivariance_error(lambda x: session.run(None, {"image": x}), images, quarter_turns())
