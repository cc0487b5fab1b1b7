"""The contract of the network of motion prediction (models/equivariant_motion.py)."""

from __future__ import annotations

import numpy as np

from isometry.inference import Model
from isometry.inference.contract import Arrays, Contract, Port, Symmetry
from isometry.inference.representations import covariances, positions, random_planar_motions, rotated, vectors
from isometry.tracking.prediction.predictor import CLASSES, HISTORY, TASK, network_inputs
from isometry.tracking.types import PATH_STEP_S, PATH_STEPS

AGENTS = (12, 1, 40)  # of the example of each seed
OBJECTS = 20  # around a robot in traffic
DISTANCE_M = 20.0  # by which scenes are moved
MOST_ERROR_M = 1e-3


def motion_contract() -> Contract:
    """The contract of the network. Errors of paths are in metres, those of covariances in square metres."""
    return Contract(
        task=TASK,
        group="E(2): turns, mirroring and moves in the plane; the order of the agents",
        frame="any level frame that does not move; moved so that the agents are about its middle",
        inputs={
            "history": Port(
                f"float32 (agents, {HISTORY}, 2); metres, {PATH_STEP_S} s apart, the last one now", positions
            ),
            "seen": Port(f"float32 (agents, {HISTORY}); 1 where the history is known, else 0"),
            "velocity": Port("float32 (agents, 2); metres a second, from a tracker or a fitted line", rotated(vectors)),
            "kind": Port(f"float32 (agents, {len(CLASSES)}); 1 for {', '.join(CLASSES)}, all 0 for others"),
        },
        outputs={
            "path": Port(
                f"float32 (agents, {PATH_STEPS}, 2); metres, {PATH_STEP_S} s apart, the first one that long ahead",
                positions,
                scale=1.0,
            ),
            "covariance": Port(
                f"float32 (agents, {PATH_STEPS}, 2, 2); metres squared; turns with the scene",
                rotated(covariances),
                scale=1.0,
            ),
        },
        symmetries={"turned_mirrored_moved_m": Symmetry(random_planar_motions(DISTANCE_M), MOST_ERROR_M)},
        example=lambda seed: example_scene(AGENTS[seed], seed),
        tolerance=MOST_ERROR_M,
        usual=lambda: example_scene(OBJECTS, seed=0),
    )


def contract_of(model: Model) -> Contract:
    """The contract of a model file, which is the same for all files."""
    return motion_contract()


def example_scene(agents: int, seed: int) -> Arrays:
    """Inputs of the network for agents on curved ways, some of them known for less than two seconds."""
    random = np.random.default_rng(seed)
    heading = random.uniform(0.0, 2.0 * np.pi, (agents, 1)) + random.normal(0.0, 0.3, (agents, 1)) * np.arange(HISTORY)
    speed = random.uniform(0.0, 12.0, (agents, 1, 1))
    steps = PATH_STEP_S * speed * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    history = np.cumsum(steps, axis=1)
    history += random.uniform(-25.0, 25.0, (agents, 1, 2)) - history[:, -1:]
    begins = np.where(random.random(agents) < 0.3, random.integers(0, HISTORY, agents), 0)
    history[np.arange(HISTORY) < begins[:, None]] = np.nan
    labels = [str(label) for label in random.choice([*CLASSES, "other"], agents)]
    return network_inputs(history, steps[:, -1] / PATH_STEP_S, labels)
