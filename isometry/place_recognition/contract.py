"""The contract of the bird's-eye encoder (models/birds_eye_encoder.py)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isometry.inference import Model
from isometry.inference.contract import Arrays, Contract, Port, Symmetry
from isometry.inference.representations import QUARTER_TURNS, image, oriented_features
from isometry.place_recognition.encoder import TASK, BirdsEyeEncoder
from isometry.sensing.birds_eye import BirdsEyeGrid

FILLED = 0.06  # share of the cells of a real image that are occupied


def encoder_contract(grid: BirdsEyeGrid, descriptor_size: int) -> Contract:
    """The contract of an encoder of images of a grid."""

    def example(seed: int) -> Arrays:
        return {"image": example_images(grid, count=4 - seed, seed=seed)}

    quarter = grid.size // 4
    return Contract(
        task=TASK,
        group="C8 (yaw, steps of 45 degrees; exact at 90)",
        frame="level frame at the robot's base: x forward (rows), y left (columns), metres",
        inputs={
            "image": Port(
                f"float32 (batch, 1, {grid.size}, {grid.size}); occupied voxels above each cell, 0 to cap", image
            )
        },
        outputs={
            "descriptor": Port(f"float32 (batch, {descriptor_size}); unit norm; invariant to yaw"),
            "features": Port(
                f"float32 (batch, 8, 8, {quarter}, {quarter}); orientation, field, x, y; unit", oriented_features
            ),
        },
        symmetries={"turn_by_90_degrees": Symmetry(QUARTER_TURNS)},
        example=example,
        usual=lambda: {"image": example_images(grid, count=1, seed=0)},
    )


def contract_of(model: Model) -> Contract:
    """The contract of a model file. Raises ModelMismatchError when it is no such encoder."""
    encoder = BirdsEyeEncoder(model)
    return encoder_contract(encoder.grid, encoder.descriptor_size)


def example_images(grid: BirdsEyeGrid, count: int, seed: int) -> NDArray[np.float32]:
    """Random images (count,1,S,S), about as full as real ones."""
    random = np.random.default_rng(seed)
    filled = random.random((count, 1, grid.size, grid.size)) < FILLED
    return np.asarray(filled * random.integers(1, grid.cap + 1, filled.shape), np.float32)
