"""The exported bird's-eye encoder: image to descriptor and oriented local features."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.inference import WEIGHTS, Model, ModelMismatchError, ProviderParameters
from isometry.sensing.birds_eye import BirdsEyeGrid

TASK = "place_recognition"
DEFAULT = WEIGHTS / "place_recognition.onnx"


@dataclass(frozen=True)
class Encoding:
    """The output of the network for one image."""

    descriptor: NDArray[np.float32]  # (D,) unit norm
    features: NDArray[np.float32]  # (8,F,H,W) orientation, field, along x, along y; norm 1 at each place


class BirdsEyeEncoder:
    """Runs `models/birds_eye_encoder.py` from its exported file."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.grid = _grid(model)
        self.descriptor_size = int(model.session.get_outputs()[0].shape[1])
        self._distance_map = _distance_map(model)

    @classmethod
    def load(
        cls, path: Path | None = None, threads: int = 1, provider: ProviderParameters | None = None
    ) -> BirdsEyeEncoder:
        """Open a model file, by default the shipped one; see `Model`, which raises ModelMismatchError."""
        return cls(Model(path or DEFAULT, TASK, threads, provider))

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.model.name

    @property
    def sha256(self) -> str:
        """Of the model file."""
        return self.model.sha256

    @property
    def provider(self) -> str:
        """The execution provider in use."""
        return self.model.provider

    def metres(self, descriptor_distance: NDArray[np.floating]) -> Array:
        """The usual distance in metres of two places whose descriptors have this distance (L2)."""
        return np.asarray(np.interp(descriptor_distance, *self._distance_map))

    def encode(self, image: NDArray[np.uint8]) -> Encoding:
        """Encode a bird's-eye image (S,S) of this encoder's grid."""
        descriptor, features = self.model.run({"image": image[None, None].astype(np.float32)})
        return Encoding(descriptor[0], features[0])


def _distance_map(model: Model) -> Array:
    try:
        table = np.array(json.loads(model.metadata["distance_map"]), dtype=np.float64)
    except (KeyError, ValueError) as error:
        raise ModelMismatchError(f"{model.path}: has no usable distance_map (descriptor distance to metres)") from error
    if table.ndim != 2 or len(table) != 2 or (np.diff(table) < 0).any():
        raise ModelMismatchError(f"{model.path}: its distance_map must be two increasing rows")
    return table


def _grid(model: Model) -> BirdsEyeGrid:
    try:
        grid = BirdsEyeGrid(**model.constants())
        expected = ["batch", 1, grid.size, grid.size]
        shape = model.session.get_inputs()[0].shape
    except (KeyError, TypeError, ValueError) as error:
        raise ModelMismatchError(f"{model.path}: its preprocessing constants are not a bird's-eye grid") from error
    if shape[1:] != expected[1:]:
        raise ModelMismatchError(f"{model.path}: takes images {shape}, but its grid gives {expected}")
    return grid
