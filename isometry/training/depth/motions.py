"""The motions of the pairs of drives, which are refined beside the network: a first guess and what is learned on it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from isometry.arrays import Array
from isometry.models.depth_network import DepthNetwork


class DepthWithMotions(nn.Module):
    """What is trained: the network, and six numbers for each pair."""

    guess: Tensor

    def __init__(self, T_source_target: Array, rate: float) -> None:
        """`T_source_target` (P,4,4) is the first guess, metres; `rate` scales the numbers, so how fast they learn."""
        super().__init__()
        self.network = DepthNetwork()
        self.rate = rate
        self.register_buffer("guess", torch.from_numpy(np.asarray(T_source_target, np.float32)))
        self.corrections = nn.Parameter(torch.zeros(len(T_source_target), 6))

    def motions(self, pairs: Tensor) -> Tensor:
        """T_source_target (B,4,4) of pairs (B,): the guess, then a small rotation and translation in the source."""
        scaled = self.rate * self.corrections[pairs]
        zero = torch.zeros_like(scaled[:, 0])
        x, y, z = scaled[:, :3].unbind(1)
        skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).unflatten(1, (3, 3))
        rotation = torch.linalg.matrix_exp(skew) @ self.guess[pairs, :3, :3]
        translation = self.guess[pairs, :3, 3] + scaled[:, 3:]
        bottom = self.guess[pairs, 3:]
        return torch.cat([torch.cat([rotation, translation[..., None]], dim=2), bottom], dim=1)
