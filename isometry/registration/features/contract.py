"""The contract of the feature networks (models/position_aware_network.py and models/point_pair_transformer.py)."""

from __future__ import annotations

from isometry.inference import Model
from isometry.inference.contract import Contract, Port, Representation, Symmetry, invariant
from isometry.inference.representations import random_rotations, vectors
from isometry.registration.features.encoder import TASK
from isometry.registration.features.pyramid import example_pyramid

OUTPUTS = {
    "descriptors": Port("float32 (fine, 32); unit norm; invariant"),
    "coarse_descriptors": Port("float32 (coarse, 64); unit norm; invariant"),
    "frames": Port("float32 (fine, 8, 3); vectors that turn with the cloud", vectors),
}
STREET = 8500  # points of the example's ground, and as many on boxes, of which thinning leaves about 11,700
POINTS = ("points", "normals", "fine", "middle", "coarse")  # inputs (N,3) that turn with the cloud
ROWS = {  # the axis of each input that may have any length
    "points": "points",
    "normals": "points",
    "fine": "fine",
    "middle": "middle",
    "coarse": "coarse",
    "around_fine": "fine",
    "fine_to_fine": "fine",
    "fine_to_middle": "middle",
    "middle_to_middle": "middle",
    "middle_to_coarse": "coarse",
    "coarse_to_coarse": "coarse",
    "middle_above": "fine",
    "coarse_above": "middle",
}


def features_contract(with_frames: bool) -> Contract:
    """The contract of a network of descriptors; `with_frames` it also gives vectors of each fine point."""

    def port(name: str) -> Port:
        array = example[name]
        axes = ", ".join(str(axis) for axis in (ROWS.get(name, 1), *array.shape[1:]))
        transform: Representation = vectors if name in POINTS else invariant
        return Port(f"{array.dtype} ({axes})", transform)

    example = example_pyramid(count=500).inputs()
    return Contract(
        task=TASK,
        group="SO(3)",
        frame="the axes of the cloud itself; positions relative to its centre, in units of its resolution",
        inputs={name: port(name) for name in example},
        outputs={name: output for name, output in OUTPUTS.items() if with_frames or name != "frames"},
        symmetries={"turn_in_so3": Symmetry(random_rotations(), 1e-3)},
        example=lambda seed: example_pyramid(count=1500 - 500 * seed, seed=seed).inputs(),
        tolerance=1e-3,
        usual=lambda: example_pyramid(STREET).inputs(),
    )


def contract_of(model: Model) -> Contract:
    """The contract of a model file."""
    return features_contract("frames" in [output.name for output in model.session.get_outputs()])
