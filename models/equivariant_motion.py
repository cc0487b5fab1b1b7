"""The network of motion prediction: equivariant in the plane, with invariant interaction reasoning.

After EqMotion (Xu et al., "EqMotion: Equivariant Multi-agent Motion Prediction with Invariant Interaction Reasoning",
CVPR 2023), with three differences. It predicts the residual of a constant velocity, so that an untrained network is
the constant-velocity model; histories may have gaps; and each position has an equivariant covariance.

The group is E(2), mirroring included: to the network, traffic on the left is the mirror image of traffic on the right.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isometry.models.layers.so2.planar_vectors import AgentBlock, Interaction, product
from isometry.models.layers.so3.vector_features import lengths

HISTORY, STEPS, STEP_S = 21, 30, 0.1  # positions given, the last of them now; positions predicted; seconds between
KINDS = ("car", "cyclist", "pedestrian")
SCALARS, VECTORS, ROUNDS = 64, 32, 2
REACH_M = 30.0  # within which agents interact
POWERS = 5  # of the time ahead, that a path is a sum of
RENAMED = {"told": "message", "hear": "receive", "spread": "deviation"}  # parts of weights' names in version 0.1.0
SMALLEST_M = 0.05  # standard deviation


class EquivariantMotion(nn.Module):
    """Positions ahead and their covariances, of A agents at once."""

    def __init__(self) -> None:
        super().__init__()
        self.into_vectors = nn.Linear(HISTORY, VECTORS, bias=False)
        self.into_scalars = nn.Linear(HISTORY + 1 + len(KINDS) + 2 * VECTORS, SCALARS)
        self.before = AgentBlock(SCALARS, VECTORS)
        self.interactions = nn.ModuleList(Interaction(SCALARS, VECTORS, REACH_M) for _ in range(ROUNDS))
        self.blocks = nn.ModuleList(AgentBlock(SCALARS, VECTORS) for _ in range(ROUNDS))
        self.gates = nn.Linear(SCALARS, POWERS * VECTORS)
        self.share = nn.Linear(SCALARS, POWERS)  # of the velocity
        self.deviation = nn.Linear(SCALARS, POWERS)
        self.stretch = nn.Linear(VECTORS, POWERS, bias=False)
        time = torch.arange(1, STEPS + 1) / STEPS
        self.powers = nn.Parameter(torch.stack([time**k for k in range(POWERS)], dim=1))  # (K,POWERS)
        self.register_load_state_dict_pre_hook(rename_weights)  # type: ignore[no-untyped-call]
        for layer in (self.gates, self.share):  # constant velocity at first
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, history: Tensor, seen: Tensor, velocity: Tensor, kind: Tensor) -> tuple[Tensor, Tensor]:
        """Paths (...,A,30,2) in metres and their covariances (...,A,30,2,2), from 0.1 to 3.0 s ahead.

        `history` (...,A,21,2) metres, 0.1 s apart, the last one now; `seen` (...,A,21) 1 where the history is known,
        else 0; an agent whose last one is 0 is absent. `velocity` (...,A,2) metres a second, from a tracker or
        a fitted line; `kind` (...,A,3) 1 for car, cyclist, pedestrian.
        """
        now = history[..., -1, :]
        ago = STEP_S * torch.arange(1 - HISTORY, 1, dtype=history.dtype, device=history.device)
        # The past minus that of a constant velocity; 0 where it is not known
        residual = (history - now.unsqueeze(-2) - ago[:, None] * velocity.unsqueeze(-2)) * seen.unsqueeze(-1)
        given = torch.cat([residual[..., :-1, :], velocity.unsqueeze(-2)], dim=-2).transpose(-1, -2)  # (...,A,2,21)
        vectors = self.into_vectors(given)
        velocities = velocity.unsqueeze(-1).expand_as(vectors)
        scalars = self.into_scalars(
            torch.cat(
                [seen, lengths(velocity.unsqueeze(-1)), kind, lengths(vectors), product(vectors, velocities)], dim=-1
            )
        )
        scalars, vectors = self.before(scalars, vectors)
        for interaction, block in zip(self.interactions, self.blocks, strict=True):
            scalars, vectors = block(*interaction(scalars, vectors, now, velocity, seen[..., -1]))
        return self._paths(scalars, vectors, now, velocity)

    def _paths(self, scalars: Tensor, vectors: Tensor, now: Tensor, velocity: Tensor) -> tuple[Tensor, Tensor]:
        hidden = nn.functional.silu(scalars)
        gates = self.gates(hidden).unflatten(-1, (POWERS, VECTORS))
        bent = torch.einsum("...xv,...pv->...px", vectors, gates) + self.share(hidden).unsqueeze(
            -1
        ) * velocity.unsqueeze(-2)
        ahead = STEP_S * torch.arange(1, STEPS + 1, dtype=now.dtype, device=now.device)
        straight = now.unsqueeze(-2) + ahead[:, None] * velocity.unsqueeze(-2)
        path = straight + torch.einsum("kp,...px->...kx", self.powers, bent)
        sigma = SMALLEST_M + nn.functional.softplus(torch.einsum("kp,...p->...k", self.powers, self.deviation(hidden)))
        long = torch.einsum("kp,...xp->...kx", self.powers, self.stretch(vectors))  # the axis along which errors lie
        round_ = sigma.square()[..., None, None] * torch.eye(2, dtype=now.dtype, device=now.device)
        return path, round_ + long.unsqueeze(-1) * long.unsqueeze(-2)


def rename_weights(network: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Give the weights of a network that was trained by version 0.1.0 the names that they have now."""
    for key in [key for key in state if key.startswith(prefix)]:
        path = [RENAMED.get(part, part) for part in key.split(".")]
        state[".".join(path)] = state.pop(key)
