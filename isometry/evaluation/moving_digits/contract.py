"""The contract of a step of the networks that predict moving digits (models/flow_predictor.py)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import AnyArray
from isometry.datasets.moving_digits import SEEN, SIZE, TASK, TURN_DEG, WIDEST, Motion, MovingDigits
from isometry.inference import Model, ModelMismatchError
from isometry.inference.contract import Arrays, Contract, Element, Function, Port, Representation, Symmetry
from isometry.inference.recurrent_step import STATE
from isometry.inference.representations import Velocity, by_velocity, displaced_memory, memory_windows, moving_frames

FLOWS: dict[Motion, list[Velocity]] = {
    "translating": [(1, 0), (0, -1), (2, -2), (-1, 2)],
    "rotating": [(0, 1), (0, -3), (0, 5)],  # turns of 10 degrees a step
}
QUARTER_STEPS = 9  # turns of 10 degrees in a quarter turn


@dataclass(frozen=True)
class QuarterTurn:
    """All images of a sequence turned by 90 degrees, counter-clockwise."""


def step_contract(motion: Motion, network: str, memory: tuple[int, ...], prior: float) -> Contract:
    """The contract of one step, `flow` or `plain`, measured on its memory of a sequence (T,1,1,S,S) of images.

    `memory` is the shape of the memory beyond the batch, `prior` what it holds before the first image.
    """
    flow = network == "flow"
    widest = WIDEST[motion]
    tiles = (1, 1) if not flow else (2 * widest + 1,) * 2 if motion == "translating" else (1, 2 * widest + 1)

    def unroll(step: Function) -> Function:
        def remembered(inputs: Arrays) -> Arrays:
            frames = inputs["frames"]
            state: dict[str, AnyArray] = {"memory": np.full((frames.shape[1], *memory), prior, frames.dtype)}
            if flow:
                state["displacement"] = np.zeros((1, sum(tiles)), np.int64)
            predicted = []
            for t, frame in enumerate(frames, 1):
                ahead = {"ahead": np.array(t)} if flow else {}
                outputs = step({"image": frame, **ahead, **state})
                predicted.append(outputs["predicted"])
                state = {name: outputs[f"new_{name}"] for name in STATE if name in state}
            return {"memory": state["memory"], "predicted": np.stack(predicted)}

        return remembered

    exact = 1e-4 if flow else None
    if motion == "translating":
        representation = memory_windows(tiles) if flow else displaced_memory(SEEN)
        symmetries = {"moving_input": Symmetry(FLOWS[motion], exact)}
        ports = {"frames": Port("images", moving_frames)}, Port("memory", representation)
    elif flow:
        symmetries = {
            "turning_input": Symmetry(FLOWS[motion], None),  # exact on the polar grid, not for sampled images
            "quarter_turn": Symmetry([QuarterTurn()], exact),
        }
        ports = {"frames": Port("images", _turning)}, Port("memory", _turned_windows(tiles))
    else:
        symmetries = {"turning_input": Symmetry([(0, QUARTER_STEPS)], None)}
        turned = lambda array, _: np.rot90(array, SEEN, axes=(-2, -1))  # noqa: E731
        ports = {"frames": Port("images", _turning)}, Port("memory", turned)
    frames, remembered = ports
    return Contract(
        task=TASK,
        group=_group(motion) if flow else "none of motion; translations alone",
        frame="image: rows down, columns right; displacements are whole cells of the memory's grid",
        inputs=frames,
        outputs={"memory": remembered, "predicted": Port("images", None)},
        symmetries=symmetries,
        example=lambda seed: {"frames": _frames(motion, seed)},
        unroll=unroll,
    )


def contract_of(model: Model) -> Contract:
    """The contract of a model file. Raises ModelMismatchError when its metadata do not say which step it is."""
    shapes = {entry.name: entry.shape for entry in model.session.get_inputs()}
    motion, network = model.metadata.get("motion"), model.metadata.get("network")
    prior, memory = model.metadata.get("prior"), shapes.get("memory")
    if motion not in SIZE or network is None or prior is None or memory is None:
        raise ModelMismatchError(f"{model.path}: its metadata do not say of which motion, network and memory it is")
    chosen: Motion = "translating" if motion == "translating" else "rotating"
    return step_contract(chosen, network, tuple(memory[1:]), float(prior))


def _group(motion: Motion) -> str:
    fastest = WIDEST[motion]
    if motion == "translating":
        return f"flows of translations by -{fastest} to {fastest} cells a step along each axis, exact"
    return f"flows of turns by -{fastest} to {fastest} times {TURN_DEG:g} degrees a step, exact on its polar grid"


def _frames(motion: Motion, seed: int) -> AnyArray:
    """Example sequences (T,N,1,S,S): random images for translations, stationary digits for rotations.

    The symmetry is measured on the one sequence of seed 0; of other seeds there are more.
    """
    count, size = 1 + seed, SIZE[motion]
    if motion == "translating":
        return np.random.default_rng(seed).random((SEEN, count, 1, size, size), dtype=np.float32)
    return np.concatenate([_turning_digit(0, digit) for digit in range(count)], axis=1)


def _turning_digit(velocity: int, digit: int = 0) -> AnyArray:
    """A digit that turns by so many times 10 degrees in every step, the first one too."""
    turned = MovingDigits("rotating", 0, training=False).digits[:, digit]  # (36,S,S)
    return turned[velocity * np.arange(1, SEEN + 1) % len(turned), None, None]


def _turning(array: AnyArray, element: Element) -> AnyArray:
    """The example sequence, rotated step by step or as a whole."""
    if isinstance(element, QuarterTurn):
        return np.rot90(array, axes=(-2, -1))
    return _turning_digit(element[1]).astype(array.dtype)


def _turned_windows(tiles: tuple[int, int]) -> Representation:
    permuted = memory_windows(tiles)

    def turned(array: AnyArray, element: Element) -> AnyArray:
        if not isinstance(element, QuarterTurn):
            return permuted(array, element)
        quarter = by_velocity(array, tiles).shape[-1] // 4
        rolled = np.roll(by_velocity(array, tiles), quarter, axis=-1)
        return rolled.transpose(2, 0, 3, 1, 4).reshape(array.shape)

    return turned
