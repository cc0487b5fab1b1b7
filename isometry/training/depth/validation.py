"""Figures of a depth network on frames of rooms that are not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from isometry.models.depth_network import DepthNetwork
from isometry.training.depth.augmentation import Example, turned
from isometry.training.depth.rooms import Room

EVERY = 4  # frames


class Validation:
    """Relative errors of depth, with and without scaling by the medians, on every fourth frame of held rooms."""

    def __init__(self, rooms: Sequence[Room], device: str = "cpu") -> None:
        self.device = device
        self.examples = [_as_it_is(room, k) for room in rooms for k in range(0, len(room), EVERY)]

    def __call__(self, network: DepthNetwork) -> dict[str, float]:
        """Means over frames: `abs_rel`, `abs_rel_scaled`, and the share of pixels `inside_2_sigma` by the log_scale."""
        rows = []
        for example in self.examples:
            depth, log_scale, _ = network(torch.from_numpy(example.image)[None].to(self.device))
            known = example.depth > 0.0
            if not known.any():
                continue
            true, found = example.depth[known], depth[0].cpu().numpy()[known]
            sigma = np.sqrt(2.0) * np.exp(log_scale[0].cpu().numpy()[known])
            scale = np.median(true) / np.median(found)
            rows.append(
                (
                    np.abs(found / true - 1.0).mean(),
                    np.abs(scale * found / true - 1.0).mean(),
                    (np.abs(np.log(found / true)) < 2.0 * sigma).mean(),
                )
            )
        if not rows:
            return {}
        return dict(zip(("abs_rel", "abs_rel_scaled", "inside_2_sigma"), np.mean(rows, axis=0).tolist(), strict=True))


def _as_it_is(room: Room, k: int) -> Example:
    return turned(room.images[k], room.depth[k], room.matrix, np.eye(3), 1.0)
