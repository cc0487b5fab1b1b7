"""Equivariance, measured on any function and on exported networks themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Function = Callable[[Array], Sequence[Array]]
Inputs = TypeVar("Inputs")  # an array, or several by name
ActionOn = tuple[Callable[[Inputs], Inputs], Sequence[Callable[[Array], Array]]]  # on the input; on each output
Action = ActionOn[Array]


def equivariance_error(
    function: Callable[[Inputs], Sequence[Array]], inputs: Inputs, actions: Sequence[ActionOn[Inputs]]
) -> float:
    """Largest difference, relative to each output's largest value, of acting before and after a function.

    An action is what is done to the input and, output by output, what that must do to the output.
    """
    outputs = function(inputs)
    worst = 0.0
    for on_input, on_outputs in actions:
        moved = function(on_input(inputs))
        for output, found, act in zip(outputs, moved, on_outputs, strict=True):
            worst = max(worst, float(np.abs(found - act(output)).max() / np.abs(output).max()))
    return worst


def assert_equivariant(
    function: Callable[[Inputs], Sequence[Array]],
    inputs: Inputs,
    actions: Sequence[ActionOn[Inputs]],
    tolerance: float,
) -> None:
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

        def turn_images(images: Array) -> Array:
            return np.ascontiguousarray(np.rot90(images, turns, axes=(2, 3)))

        return (turn_images, (lambda descriptors: descriptors, turn_features))

    return [action(turns) for turns in (1, 2, 3)]


def turns_of_points(outputs: Sequence[int], count: int = 4, seed: int = 0) -> list[ActionOn[Arrays]]:
    """Random turns in SO(3) of point sets: every input (N,3) of real numbers turns, indices and flags stay.

    `outputs` are the ranks of what the function gives back: outputs (N,V,3) of rank three turn, the others stay.
    """

    def action(rotation: Array) -> ActionOn[Arrays]:
        def turn(array: Array) -> Array:
            return np.asarray(array @ rotation.T.astype(array.dtype), array.dtype)

        def turn_points(inputs: Arrays) -> Arrays:
            moves = {name: value.dtype.kind == "f" and value.shape[1:] == (3,) for name, value in inputs.items()}
            return {name: turn(value) if moves[name] else value for name, value in inputs.items()}

        return turn_points, [turn if rank == 3 else np.asarray for rank in outputs]

    return [action(rotation) for rotation in Rotation.random(count, rng=np.random.default_rng(seed)).as_matrix()]


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


def points_turn_error(session: onnxruntime.InferenceSession, inputs: Arrays) -> float:
    """`equivariance_error` of an exported network of points under random turns in SO(3) of its inputs."""
    ranks = [len(output.shape) for output in session.get_outputs()]
    return equivariance_error(lambda x: session.run(None, dict(x)), inputs, turns_of_points(ranks))
