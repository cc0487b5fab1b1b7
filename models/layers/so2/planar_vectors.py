"""Features of agents in the plane: invariant scalars (..., A, S) and equivariant vectors (..., A, 2, V).

The group is O(2). Vectors are added and multiplied by scalars; scalars depend on vectors through lengths and inner
products only. A mirrored scene therefore gives mirrored features. After the geometric features, the pattern features
and the invariant interaction reasoning of EqMotion (Xu et al., "EqMotion: Equivariant Multi-agent Motion Prediction
with Invariant Interaction Reasoning", CVPR 2023).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isometry.models.layers.so3.vector_features import lengths


def product(first: Tensor, second: Tensor) -> Tensor:
    """Inner products (..., V) of vectors (..., 2, V), compressed so that they grow like lengths."""
    inner = (first * second).sum(dim=-2)
    return inner / (1.0 + inner.abs()).sqrt()


class AgentBlock(nn.Module):
    """Mixes the scalars and vectors of each agent separately, with a residual connection."""

    def __init__(self, scalars: int, vectors: int) -> None:
        super().__init__()
        self.mix = nn.Linear(vectors, 2 * vectors, bias=False)
        self.inner = nn.Linear(scalars + 2 * vectors, scalars)
        self.norm = nn.LayerNorm(scalars)
        self.outer = nn.Linear(scalars, scalars)
        self.gates = nn.Linear(scalars, 2 * vectors)

    def forward(self, scalars: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(...,A,S), (...,A,2,V) to the same shapes."""
        first, second = self.mix(vectors).chunk(2, dim=-1)
        invariants = torch.cat([scalars, lengths(first), product(first, second)], dim=-1)
        hidden = nn.functional.silu(self.norm(self.inner(invariants)))
        keep, take = self.gates(hidden).unsqueeze(-2).chunk(2, dim=-1)
        return scalars + self.outer(hidden), vectors * torch.sigmoid(keep + 2.0) + first * torch.tanh(take)


class Interaction(nn.Module):
    """Messages between agents, weighted by invariants of each pair: distance, speeds, the closest approach.

    Each pair has a weight for each type of interaction. The weight is 0 beyond `reach` metres, and the weights of an
    agent may all be near 0.
    """

    def __init__(self, scalars: int, vectors: int, reach: float, types: int = 4, channels: int = 12) -> None:
        super().__init__()
        self.reach, self.types = reach, types
        hidden = 24
        self.here = nn.Linear(scalars, hidden)
        self.there = nn.Linear(scalars, hidden, bias=False)
        self.pair = nn.Linear(8, hidden, bias=False)
        self.strengths = nn.Sequential(nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 2 * types))
        self.message = nn.Linear(scalars, channels)
        self.receive = nn.Linear(types * (channels + 3), scalars)
        self.towards = nn.Linear(3 * types, vectors, bias=False)

    def forward(
        self, scalars: Tensor, vectors: Tensor, positions: Tensor, velocities: Tensor, present: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Scalars and vectors after the messages of the other agents.

        `positions` and `velocities` (...,A,2) in metres and metres a second, `present` (...,A) 1 or 0.
        """
        apart = positions.unsqueeze(-3) - positions.unsqueeze(-2)  # (...,A,A,2), from the first to the second
        passing = velocities.unsqueeze(-3) - velocities.unsqueeze(-2)
        distance = (apart.square().sum(dim=-1) + 1e-2).sqrt()
        window = torch.relu(1.0 - (distance / self.reach).square()) * present.unsqueeze(-2)
        others = 1.0 - torch.eye(positions.shape[-2], dtype=positions.dtype, device=positions.device)
        hidden = self.here(scalars).unsqueeze(-2) + self.there(scalars).unsqueeze(-3)
        hidden = hidden + self.pair(_pair_invariants(apart, passing, distance, velocities))
        attention, gain = self.strengths(hidden).chunk(2, dim=-1)  # (...,A,A,types)
        weight = torch.exp(attention.clamp(max=6.0)) * (window * others).unsqueeze(-1)
        weight = weight / (1.0 + weight.sum(dim=-2, keepdim=True))
        push = weight * torch.tanh(gain)
        to, along, back = apart / distance.unsqueeze(-1), 0.2 * velocities, 0.2 * passing
        messages = torch.einsum("...ijk,...jt->...ikt", weight, self.message(scalars)).flatten(-2)
        directed = [
            torch.einsum("...ijk,...ijx->...ixk", push, to),
            torch.einsum("...ijk,...jx->...ixk", push, along),
            torch.einsum("...ijk,...ijx->...ixk", push, back),
        ]
        received = torch.cat([messages, *(lengths(each) for each in directed)], dim=-1)
        return scalars + self.receive(received), vectors + self.towards(torch.cat(directed, dim=-1))


def _pair_invariants(apart: Tensor, passing: Tensor, distance: Tensor, velocities: Tensor) -> Tensor:
    """Invariants (...,A,A,8) of each pair of agents, from vectors (...,A,A,2) between them."""
    here, there = velocities.unsqueeze(-2), velocities.unsqueeze(-3)
    speed = (here.square().sum(dim=-1) + 0.25).sqrt()
    ahead = (apart * here).sum(dim=-1) / speed  # metres, along the own velocity
    lateral = (distance.square() - ahead.square()).clamp(min=0.0)
    closing = -(apart * passing).sum(dim=-1)
    relative = passing.square().sum(dim=-1) + 0.25
    meeting = (closing / relative).clamp(0.0, 6.0)  # seconds until they are nearest
    miss = ((apart + meeting.unsqueeze(-1) * passing).square().sum(dim=-1) + 0.1).sqrt()
    same_way = (here * there).sum(dim=-1) / speed
    values = [
        torch.log1p(distance) - 2.0,
        ahead / 10.0 / (1.0 + ahead.abs() / 20.0),
        torch.exp(-lateral / 8.0),
        meeting / 3.0,
        torch.exp(-miss / 3.0),
        same_way / 5.0 / (1.0 + same_way.abs() / 10.0),
        closing / distance / 5.0 / (1.0 + (closing / distance).abs() / 10.0),
        torch.log1p(speed.expand_as(distance)) - 1.0,
    ]
    return torch.stack(values, dim=-1)
