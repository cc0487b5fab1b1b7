"""Attention among points, in which positions enter only through point pair features, which are rotation-invariant.

After RoITr (Yu et al., Rotation-Invariant Transformer for Point Cloud Matching, 2023). Queries and attention weights
use the 16 hidden channels of the edge embedding. The result is that of embedding each edge in full width, several times
faster. Normals may have any sign where `sided` is 0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isometry.models.layers.so3.position_aware_convolution import Kernels, gather, offsets_to, pair_features, window

HIDDEN = 16


class PairEmbedding(nn.Module):
    """Channels (N,16,K) of the point pair features of centres and their neighbours."""

    def __init__(self, radius: float) -> None:
        super().__init__()
        self.radius = radius
        self.inner = Kernels(7, HIDDEN, hidden=HIDDEN)

    def forward(
        self, points: Tensor, normals: Tensor, centres: Tensor, here: Tensor, sided: Tensor, neighbours: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Points, normals (P,3); centres and their normals (N,3); neighbours (N,K): the channels, squared distances.

        Distances (N,K) are in units of the radius.
        """
        offsets = offsets_to(points, centres, neighbours, self.radius)
        squared = offsets.square().sum(dim=0)
        pairs = pair_features(offsets, here, gather(normals.T, neighbours), sided)
        channels = torch.relu(self.inner(pairs, torch.ones_like(squared)))
        return channels.transpose(0, 1).contiguous(), squared


class Mixer(nn.Module):
    """Two layers on each point separately, normalised, with an optional residual connection."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.SiLU(), nn.Linear(outputs, outputs)
        )
        self.norm = nn.LayerNorm(outputs)

    def forward(self, features: Tensor, before: Tensor | None = None) -> Tensor:
        """(N, inputs) to (N, outputs); `before` (N, outputs) is added."""
        mixed = self.layers(features)
        return self.norm(mixed if before is None else before + mixed)


class PairSurface(nn.Module):
    """First features of centres: means of pair embeddings under a few learned windows."""

    def __init__(self, outputs: int, radius: float, kernels: int = 6) -> None:
        super().__init__()
        self.pairs = PairEmbedding(radius)
        self.kernels = nn.Linear(HIDDEN, kernels, bias=False)
        self.mixer = Mixer(HIDDEN * kernels, outputs)

    def forward(
        self, points: Tensor, normals: Tensor, centres: Tensor, here: Tensor, sided: Tensor, neighbours: Tensor
    ) -> Tensor:
        """Points (P,3) to features (N, outputs) of centres (N,3)."""
        channels, squared = self.pairs(points, normals, centres, here, sided, neighbours)
        kernels = (self.kernels.weight @ channels) * window(squared)[:, None]  # (N,M,K)
        return self.mixer((kernels @ channels.transpose(1, 2)).flatten(1))


class PointPairAttention(nn.Module):
    """Each centre attends to its neighbours; queries of every head meet one set of keys."""

    def __init__(
        self, inputs: int, outputs: int, radius: float, heads: int = 4, keys: int = 8, values: int = 24
    ) -> None:
        super().__init__()
        self.heads, self.keys, self.values, self.same = heads, keys, values, inputs == outputs
        self.pairs = PairEmbedding(radius)
        self.query = nn.Linear(inputs, heads * (keys + HIDDEN))
        self.key = nn.Linear(inputs, keys, bias=False)
        self.value = nn.Linear(inputs, values)
        self.mixer = Mixer(inputs + heads * (values + HIDDEN), outputs)

    def forward(
        self,
        features: Tensor,
        points: Tensor,
        normals: Tensor,
        centres: Tensor,
        here: Tensor,
        sided: Tensor,
        neighbours: Tensor,
    ) -> Tensor:
        """Features (P, inputs) of points (P,3) to features (N, outputs) of centres (N,3)."""
        own = features[neighbours[:, 0]]
        channels, squared = self.pairs(points, normals, centres, here, sided, neighbours)
        query = self.query(own).unflatten(1, (self.heads, self.keys + HIDDEN))
        flat = neighbours.flatten()
        key = self.key(features).index_select(0, flat).unflatten(0, neighbours.shape)  # (N,K,keys)
        value = self.value(features).index_select(0, flat).unflatten(0, neighbours.shape)
        logits = query[..., : self.keys] @ key.transpose(1, 2) + query[..., self.keys :] @ channels
        beyond = torch.relu(squared - 1.0)[:, None]
        attention = torch.softmax(logits * (self.keys + HIDDEN) ** -0.5 - 20.0 * beyond, dim=2)  # (N,H,K)
        seen = torch.cat([attention @ value, attention @ channels.transpose(1, 2)], dim=2).flatten(1)
        return self.mixer(torch.cat([own, seen], dim=1), own if self.same else None)


class GlobalPairs(nn.Module):
    """Biases (L*H, N, N) of the attention of every point to every other, for L layers of H heads."""

    def __init__(self, biases: int, radius: float) -> None:
        super().__init__()
        self.radius = radius
        self.inner = Kernels(7, biases, hidden=8)

    def forward(self, points: Tensor, normals: Tensor, sided: Tensor) -> Tensor:
        """Points and normals (N,3); far-off pairs are squashed into the unit interval."""
        place = (points / self.radius).T
        offsets = place[:, None, :] - place[:, :, None]
        there = normals.T[:, None, :].expand_as(offsets)
        pairs = [value / (1.0 + value.abs()) for value in pair_features(offsets, normals, there, sided)]
        return self.inner(pairs, torch.ones_like(pairs[0]))


class GlobalAttention(nn.Module):
    """Each point attends to all, with a bias by the geometry of the two."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.each = heads, width // heads
        self.project = nn.Linear(width, 3 * width)
        self.mixer = Mixer(2 * width, width)

    def forward(self, features: Tensor, bias: Tensor) -> Tensor:
        """Features (N, width), bias (H,N,N)."""
        query, key, value = self.project(features).unflatten(1, (3, self.heads, self.each)).permute(1, 2, 0, 3).unbind()
        attention = torch.softmax((query * self.each**-0.5) @ key.transpose(1, 2) + bias, dim=2)
        seen = (attention @ value).transpose(0, 1).flatten(1)
        return self.mixer(torch.cat([features, seen], dim=1), features)
