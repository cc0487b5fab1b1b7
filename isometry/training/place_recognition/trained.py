"""A trained network: its descriptors, the projection and distance map fitted to them after training, and its file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isometry.arrays import Array
from isometry.models.birds_eye_encoder import BirdsEyeEncoder
from isometry.sensing.birds_eye import BirdsEyeGrid
from isometry.training.common.trained import reading, write_trained
from isometry.training.place_recognition.drives import Drive
from isometry.training.place_recognition.recipe import PlaceRecognitionTrainingParameters

# Radians by which every scan is turned once more for the projection, which then damps what still changes with yaw
PROJECTION_TURNS = (0.4, 2.0)
POWER = 0.75  # of the projection's scaling: 1 whitens, 0 only rotates; retrieval was measured to be best between
DISTANCE_STEPS = 24  # of the distance map
MAPPED_M = 30.0  # the distance map is fitted to pairs of scans nearer than this


def encode(network: BirdsEyeEncoder, images: Tensor) -> tuple[Tensor, Tensor]:
    """Full descriptors (N,D) and local features (N,64,H,W) in float32, the convolutions in bfloat16."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        local, invariants = network.backbone(images.contiguous(memory_format=torch.channels_last))
    return network.full_descriptor(invariants.float()), local.float()


@torch.no_grad()
def full_descriptors(network: BirdsEyeEncoder, drive: Drive, turn: float = 0.0, seed: int = 0) -> Tensor:
    """Full descriptors (N,D) of every scan of a drive."""
    network.eval()
    random = np.random.default_rng(seed)
    rows = []
    for start in range(0, len(drive), 32):
        frames = range(start, min(start + 32, len(drive)))
        views = np.stack([drive.render(k, turn, random, None) for k in frames])
        images = torch.from_numpy(views[:, None]).float()
        rows.append(encode(network, images)[0])
    return torch.cat(rows)


def fit_projection(network: BirdsEyeEncoder, full: Tensor) -> None:
    """Set the projection to the principal components of full descriptors (N,D), each scaled by variance^(-POWER/2).

    Components come in the order of their variance before the scaling.
    """
    mean = full.mean(dim=0)
    _, singular, components = torch.linalg.svd((full - mean).double(), full_matrices=False)
    kept = min(network.projection.shape[1], len(full) - 1)
    deviation = singular[:kept] / len(full) ** 0.5
    network.mean.copy_(mean)
    network.projection.zero_()
    network.projection[:, :kept] = (components[:kept].T * deviation ** (-POWER)).float()


def fit_distance_map(network: BirdsEyeEncoder, full: Tensor, drive: Drive) -> Array:
    """Descriptor distances, and the median metres between scans at each: (2, DISTANCE_STEPS), both increasing.

    Fitted to pairs of scans that are near each other; `full` (N,D) are the full descriptors of the drive.
    """
    descriptors = network.project(full).numpy()
    first, second = drive.pairs_within(MAPPED_M)
    chosen = np.random.default_rng(0).permutation(len(first))[:200_000]
    first, second = first[chosen], second[chosen]
    apart = np.linalg.norm(descriptors[first] - descriptors[second], axis=1)
    metres = np.linalg.norm(drive.position[first] - drive.position[second], axis=1)
    edges = np.quantile(apart, np.linspace(0.0, 0.98, DISTANCE_STEPS + 1))
    band = np.clip(np.searchsorted(edges, apart, side="right") - 1, 0, DISTANCE_STEPS)
    distance = np.array([np.median(apart[band == b]) for b in range(DISTANCE_STEPS)])
    median = np.array([np.median(metres[band == b]) for b in range(DISTANCE_STEPS)])
    return np.stack([distance, np.maximum.accumulate(median)])


def save_trained(
    network: BirdsEyeEncoder, drive: Drive, parameters: PlaceRecognitionTrainingParameters, path: Path
) -> None:
    """Fit projection and distance map, and write the network with them, its grid and its recipe for the export."""
    full = full_descriptors(network, drive)
    turned = [full_descriptors(network, drive, turn, seed) for seed, turn in enumerate(PROJECTION_TURNS, start=1)]
    fit_projection(network, torch.cat([full, *turned]))
    distance_map = torch.from_numpy(fit_distance_map(network, full, drive))
    write_trained(path, network, asdict(parameters), grid=asdict(drive.grid), distance_map=distance_map)


def load_trained(path: Path) -> tuple[BirdsEyeEncoder, BirdsEyeGrid, Array, dict[str, Any]]:
    """The network, grid, distance map and recipe that `save_trained` wrote. Raises ValueError naming another file."""
    with reading(path, "a trained place recognition network") as content:
        grid = BirdsEyeGrid(**content["grid"])
        network = BirdsEyeEncoder(size=grid.size, cap=grid.cap)
        network.load_state_dict(content["network"])
        return network.eval(), grid, content["distance_map"].numpy(), content["recipe"]
