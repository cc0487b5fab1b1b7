"""Pooling over directions: an invariant map becomes a descriptor of how far things are, but not where.

Generalised-mean pooling (Radenovic et al., 2018) over soft rings around the robot. Clusters of residuals (NetVLAD) were
tried instead: with few scans, most cluster centres received no data.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RingPooling(nn.Module):
    """Maps (N,C,S,S) to (N, C * rings): the generalised mean of each channel over each ring."""

    weights: Tensor

    def __init__(self, size: int, rings: int, power: float = 3.0) -> None:
        super().__init__()
        soft = distance_rings(size, rings)
        self.register_buffer("weights", soft.flatten(1) / soft.flatten(1).sum(dim=1, keepdim=True), persistent=False)
        self.power = nn.Parameter(torch.tensor(power))

    def forward(self, features: Tensor) -> Tensor:
        """Features must not be negative; unnormalised."""
        raised = features.flatten(2).clamp_min(1e-6) ** self.power
        pooled = raised @ self.weights.T  # (N,C,rings)
        return (pooled ** (1.0 / self.power)).flatten(1)


def distance_rings(size: int, count: int) -> Tensor:
    """Soft rings (count, size, size) of distance from the centre of a map, up to its inscribed circle."""
    x = (torch.arange(size, dtype=torch.float64) + 0.5) / (size / 2) - 1.0  # so exact that quarter turns change nothing
    radius = torch.hypot(x[:, None], x[None, :])
    centres = (torch.arange(count) + 0.5)[:, None, None] / count
    return torch.exp(-(((radius - centres) * count) ** 2)).float()
