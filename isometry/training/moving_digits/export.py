"""Export of a network that predicts moving digits: one step as an ONNX file, state in and state out, and its card."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from isometry.datasets.moving_digits import SEEN, SIZE, TASK, TURN_DEG, WIDEST, Motion, MovingDigits
from isometry.inference.flow_symmetry import flow_error, moved, windows
from isometry.inference.recurrent_step import STATE, RecurrentStep
from isometry.models.flow_predictor import FlowPredictor, PlainPredictor
from isometry.training.common.export import refuse, to_onnx, write_model
from isometry.training.moving_digits.train import Predictor

MOST_ERROR = 1e-4
FLOWS = [(1, 0), (0, -1), (2, -2), (-1, 2)]


def export_moving_digits(
    network: Predictor, name: str, motion: Motion, output: Path, card: Mapping[str, Any]
) -> dict[str, Any]:
    """Write `output` (.onnx), one step of a network, and its card (.json), and return the card.

    `card` gives what only the maker knows. Raises ValueError when the written file differs from the network by more
    than 1e-4 after ten steps, or breaks the flow equivariance to translations, if it has one, by more than 1e-4.
    """
    network = network.eval()
    flows = isinstance(network, FlowPredictor)
    size = SIZE[motion]
    state = network.start(size, size, batch=2)
    inputs = {"image": torch.zeros(2, 1, size, size)}
    if flows:
        inputs["ahead"] = torch.tensor(1)
    inputs |= dict(zip(STATE, state, strict=False))
    model = _step(network, inputs, output)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    step = RecurrentStep(session, float(state[0].flatten()[0]))
    measured = {"difference_to_torch": difference_to_torch(step, network, motion)}
    tiles = network.recurrence.flows.tiles if isinstance(network, FlowPredictor) else (1, 1)
    measured |= translation_errors(step, tiles) if motion == "translating" else rotation_errors(step, tiles)
    exact = ("difference_to_torch", *(("moving_input", "quarter_turn") if flows else ()))
    refuse({key: measured[key] for key in exact if key in measured}, MOST_ERROR, output)
    group = symmetry_group(motion) if flows else "none of motion; translations alone"
    metadata = {
        "task": TASK,
        "network": name,
        "motion": motion,
        "prior": f"{step.prior:g}",
        "symmetry_group": group,
        "equivariance_error": f"{measured['moving_input' if motion == 'translating' else 'turning_input']:.3e}",
        "licence": str(card.get("licence", "")),
    }
    shapes = {key: f"{str(value.dtype)[6:]} ({', '.join(map(str, value.shape))})" for key, value in inputs.items()}
    described = {
        "inputs": {key: text.replace("(2, ", "(batch, ") for key, text in shapes.items()},
        "outputs": {
            "predicted": f"float32 (batch, 1, {size}, {size}): the image `ahead` steps after this one, else the next",
            **{
                f"new_{key}": f"the state after this image: {key} of the next step"
                for key in list(inputs)[-len(state) :]
            },
        },
        "state_at_start": {"memory": step.prior} | ({"displacement": 0} if flows else {}),
        "frame": "image: rows down, columns right; displacements are whole cells of the memory's grid",
        "preprocessing": {"range": [0.0, 1.0]},
        "symmetry": {"group": group, **measured},
        **card,
    }
    return write_model(model, metadata, described, output)


def symmetry_group(motion: Motion) -> str:
    """What sequences of which the network is equivariant to."""
    fastest = WIDEST[motion]
    if motion == "translating":
        return f"flows of translations by -{fastest} to {fastest} cells a step along each axis, exact"
    return f"flows of turns by -{fastest} to {fastest} times {TURN_DEG:g} degrees a step, exact on its polar grid"


def translation_errors(step: RecurrentStep, tiles: tuple[int, int]) -> dict[str, float]:
    """How far from equivariant the memory is to flows of random images."""
    size = step.shapes["image"][-1]
    frames = np.random.default_rng(0).random((SEEN, 1, 1, size, size), dtype=np.float32)
    error = flow_error(lambda x: remembered(step, x), lambda u: moved(frames, u), FLOWS, tiles)
    return {"moving_input": error}


def rotation_errors(step: RecurrentStep, tiles: tuple[int, int]) -> dict[str, float]:
    """How far from equivariant the memory is: to a digit's turns of 10 degrees a step, to a quarter turn of it all.

    Of an ordinary memory, which has no angles, the first is that to quarter turns of the image in every step.
    """
    turns = MovingDigits("rotating", 0, training=False).digits[:, 0]  # (36,S,S)

    def turning(velocity: tuple[int, int]) -> np.ndarray:
        return turns[velocity[1] * np.arange(1, SEEN + 1) % len(turns), None, None]

    if tiles == (1, 1):
        still = remembered(step, turning((0, 0)))
        error = np.abs(remembered(step, turning((0, 9))) - np.rot90(still, SEEN, axes=(2, 3))).max()
        return {"turning_input": float(error / np.abs(still).max())}
    still, turned = (remembered(step, np.rot90(turning((0, 1)), k, axes=(3, 4)).copy()) for k in (0, 1))
    quarter = windows(still, tiles).shape[-1] // 4
    error = np.abs(windows(turned, tiles) - np.roll(windows(still, tiles), quarter, axis=-1)).max()
    return {
        "turning_input": flow_error(lambda x: remembered(step, x), turning, [(0, 1), (0, -3), (0, 5)], tiles),
        "quarter_turn": float(error / np.abs(still).max()),
    }


def remembered(step: RecurrentStep, frames: np.ndarray) -> np.ndarray:
    """Memory after frames (T,1,1,H,W), from the start."""
    state = step.start()
    for frame in frames:
        _, state = step(frame, state)
    return np.asarray(state["memory"].numpy())


@torch.no_grad()
def difference_to_torch(step: RecurrentStep, network: Predictor, motion: Motion) -> float:
    """Largest absolute difference between the file and the network in what they predict and remember over ten steps."""
    images = torch.from_numpy(MovingDigits(motion, 1, training=False).sequences(np.random.default_rng(0), 3, SEEN))
    state: tuple[Tensor, ...] = network.start(SIZE[motion], SIZE[motion], batch=3)
    fed = step.start(3)
    worst = 0.0
    for t in range(SEEN):
        image = images[:, t, None]
        found, fed = step(image.numpy(), fed, ahead=1 + t)
        expected, *state = network(image, *((1 + t, *state) if step.reads_ahead else state))
        for one, other in zip((found, *(v.numpy() for v in fed.values())), (expected, *state), strict=True):
            worst = max(worst, float(np.abs(one - other.numpy()).max()))
    return worst


def untrained_plain_step(motion: Motion, hidden: int, kernel_size: int) -> RecurrentStep:
    """The step of an ordinary network of another width, to be timed on one thread."""
    network = PlainPredictor(hidden, 2, kernel_size, circular=motion == "translating").eval()
    size = SIZE[motion]
    inputs = dict(zip(("image", "memory"), (torch.zeros(2, 1, size, size), *network.start(size, size, 2)), strict=True))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        model = _step(network, inputs, Path(folder) / "step.onnx")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return RecurrentStep(session, 0.0)


def _step(network: nn.Module, inputs: Mapping[str, Tensor], output: Path) -> onnx.ModelProto:
    outputs = ("predicted", *(f"new_{name}" for name in STATE if name in inputs))
    batch = torch.export.Dim("batch")
    shapes = {name: {0: batch} if name in ("image", "memory") else None for name in inputs}
    return to_onnx(network, inputs, outputs, shapes, output)
