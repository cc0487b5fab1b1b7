"""Export of a trained network of motion prediction: an ONNX file of standard operators, and its card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from isometry.geometry.planar import rotations
from isometry.inference.symmetry import ActionOn, Arrays, equivariance_error
from isometry.models.equivariant_motion import STEPS, EquivariantMotion
from isometry.tracking.prediction.predictor import FIT, HISTORY, KINDS, TASK, network_inputs
from isometry.tracking.types import PATH_STEP_S, PATH_STEPS
from isometry.training.common.export import refuse, to_onnx, write_model

MOST_ERROR_M = 1e-3
INPUTS = ("history", "seen", "velocity", "kind")
MOVES_M = 20.0  # how far scenes are shifted in the test


def export_motion_network(network: EquivariantMotion, output: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write `output` (.onnx) and its card (.json) and return the card.

    `card` gives what only the maker knows: training data, licence, metrics. Raises ValueError when the written file
    differs from the network by more than 1 mm, or from itself in a scene that was turned, mirrored and moved.
    """
    inputs = example_scene(12)
    agents = torch.export.Dim("agents", min=1, max=100_000)
    tensors = {name: torch.from_numpy(inputs[name]) for name in INPUTS}
    model = to_onnx(network, tensors, ("path", "covariance"), {name: {0: agents} for name in INPUTS}, output)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    measured = {
        "difference_to_torch_m": max(difference_to_torch(session, network, count) for count in (1, 12, 40)),
        "turned_mirrored_moved_m": moved_error_m(session, inputs),
    }
    refuse(measured, MOST_ERROR_M, output)
    constants = {"history": HISTORY, "step_s": PATH_STEP_S, "steps": PATH_STEPS, "kinds": list(KINDS), "fit": FIT}
    group = "E(2): turns, mirroring and moves in the plane; the order of the agents"
    metadata = {
        "task": TASK,
        "symmetry_group": group,
        "equivariance_error": f"{measured['turned_mirrored_moved_m']:.3e}",
        "preprocessing": json.dumps(constants),
        "licence": str(card.get("licence", "")),
    }
    described = {
        "inputs": {
            "history": f"float32 (agents, {HISTORY}, 2); metres, {PATH_STEP_S} s apart, the last one now",
            "seen": f"float32 (agents, {HISTORY}); 1 where the history is known, else 0",
            "velocity": "float32 (agents, 2); metres a second, from a tracker or a fitted line",
            "kind": f"float32 (agents, {len(KINDS)}); 1 for {', '.join(KINDS)}, all 0 for others",
        },
        "outputs": {
            "path": f"float32 (agents, {STEPS}, 2); metres, {PATH_STEP_S} s apart, the first one that long ahead",
            "covariance": f"float32 (agents, {STEPS}, 2, 2); metres squared; turns with the scene",
        },
        "frame": "any level frame that does not move; moved so that the agents are about its middle",
        "preprocessing": constants,
        "symmetry": {"group": group, **measured},
        **card,
    }
    return write_model(model, metadata, described, output)


def example_scene(agents: int, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Inputs of the network for agents on curved ways, some of them known for less than two seconds."""
    random = np.random.default_rng(seed)
    heading = random.uniform(0.0, 2.0 * np.pi, (agents, 1)) + random.normal(0.0, 0.3, (agents, 1)) * np.arange(HISTORY)
    speed = random.uniform(0.0, 12.0, (agents, 1, 1))
    steps = PATH_STEP_S * speed * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    history = np.cumsum(steps, axis=1)
    history += random.uniform(-25.0, 25.0, (agents, 1, 2)) - history[:, -1:]
    begins = np.where(random.random(agents) < 0.3, random.integers(0, HISTORY, agents), 0)
    history[np.arange(HISTORY) < begins[:, None]] = np.nan
    labels = [str(label) for label in random.choice([*KINDS, "other"], agents)]
    return network_inputs(history, steps[:, -1] / PATH_STEP_S, labels)


def moved_scenes(count: int = 6, seed: int = 0) -> list[ActionOn[Arrays]]:
    """Random turns and moves of a scene, every other one mirrored, and what they do to paths and covariances."""
    random = np.random.default_rng(seed)

    def action(turn: NDArray[np.float64], move: NDArray[np.float64]) -> ActionOn[Arrays]:
        def act(points: NDArray[Any], shift: NDArray[np.float64]) -> NDArray[Any]:
            return np.asarray(points @ turn.T + shift, points.dtype)

        def act_on_scene(inputs: Arrays) -> Arrays:
            seen = inputs["seen"][..., None]
            history = act(inputs["history"], move) * seen
            return {**inputs, "history": history, "velocity": act(inputs["velocity"], np.zeros(2))}

        return act_on_scene, [lambda path: act(path, move), lambda covariance: turn @ covariance @ turn.T]

    mirror = np.diag([1.0, -1.0])
    turns = rotations(random.uniform(0.0, 2.0 * np.pi, count)) @ np.stack([np.eye(2), mirror] * count)[:count]
    return [action(turn, move) for turn, move in zip(turns, random.uniform(-MOVES_M, MOVES_M, (count, 2)), strict=True)]


def moved_error_m(session: onnxruntime.InferenceSession, inputs: Arrays) -> float:
    """Largest change of a path of the exported file, in metres, by moving the scene before instead of after it.

    Covariances count as their square roots do: relative to the largest, times the largest path.
    """
    paths = session.run(["path"], dict(inputs))[0]
    relative = equivariance_error(lambda x: session.run(None, dict(x)), inputs, moved_scenes())
    return relative * float(np.abs(paths).max())


def difference_to_torch(session: onnxruntime.InferenceSession, network: EquivariantMotion, agents: int) -> float:
    """Largest difference in metres between paths of the file and of the network that it was made of."""
    inputs = example_scene(agents, seed=agents)
    with torch.no_grad():
        expected: Sequence[torch.Tensor] = network.eval()(*(torch.from_numpy(inputs[name]) for name in INPUTS))
    found = session.run(None, dict(inputs))
    return max(float(np.abs(f - e.numpy()).max()) for f, e in zip(found, expected, strict=True))
