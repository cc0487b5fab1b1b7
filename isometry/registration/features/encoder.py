"""The feature networks: descriptors and frames of a cloud, by an exported file that is chosen by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.inference import WEIGHTS, Model, ProviderParameters
from isometry.registration.features.pyramid import build_pyramid
from isometry.registration.types import Cloud

TASK = "registration_features"
NETWORKS = ("equivariant", "invariant")
Descriptors = NDArray[np.float32]


@dataclass(frozen=True)
class Features:
    """The output of a network for a cloud: F fine points, C coarse ones."""

    resolution: float  # metres
    points: Array  # (F,3) metres, the fine points in the cloud's own frame
    normals: Array  # (F,3) unit, of the nearest point of the cloud
    sided: bool  # whether the normals point to the sensor; else their sign is arbitrary
    descriptors: Descriptors  # (F,32) unit, invariant
    frames: NDArray[np.float32] | None  # (F,8,3) vectors that turn with the cloud; None for an invariant network
    coarse_descriptors: Descriptors  # (C,64) unit, invariant
    patch: NDArray[np.int64]  # (F,) number of the coarse point of each fine point


class FeatureEncoder:
    """Encodes clouds one by one with a shipped network or a file; features are cached while their cloud exists."""

    def __init__(
        self, name: str, path: Path | None = None, threads: int = 1, provider: ProviderParameters | None = None
    ) -> None:
        """`name`: "equivariant" or "invariant"; `path`: another file than the shipped one.

        Raises ValueError for another name, ModelMismatchError for a file that is missing or is not such a network.
        """
        if name not in NETWORKS:
            raise ValueError(f"no registration network {name!r}, only {', '.join(NETWORKS)}")
        self.name = name
        self.model = Model(path or WEIGHTS / f"registration_{name}.onnx", TASK, threads, provider)
        self._encoded: WeakKeyDictionary[Cloud, Features] = WeakKeyDictionary()

    def encode(self, cloud: Cloud) -> Features:
        """Features of a cloud."""
        kept = self._encoded.get(cloud)
        if kept is None:
            kept = self._encoded[cloud] = self._encode(cloud)
        return kept

    def _encode(self, cloud: Cloud) -> Features:
        pyramid = build_pyramid(cloud)
        descriptors, coarse_descriptors, *frames = self.model.run(pyramid.inputs())
        return Features(
            resolution=cloud.resolution,
            points=pyramid.metres(pyramid.fine),
            normals=cloud.normals[pyramid.around_fine[:, 0]],
            sided=cloud.viewpoint is not None,
            descriptors=descriptors,
            frames=frames[0] if frames else None,
            coarse_descriptors=coarse_descriptors,
            patch=pyramid.coarse_above[pyramid.middle_above],
        )
