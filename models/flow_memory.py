"""The flow-equivariant memory of a bird's-eye grid: at every occupied cell, a state for each velocity it may have.

h[t](x, v) = f(h[t-1](x - v, v), what is seen at x and around it): velocities v in whole cells a step, f the same for
all x and v. A scene that moves by u more cells a step gives the memory moved, and its velocities permuted by u; turns
by 90 degrees and mirroring turn and mirror both. Source: Keller, Flow Equivariant Recurrent Neural Networks (2025).

Only occupied cells have a state, some thousandths of all cells and velocities: the shift along a flow is the choice of
which row of the last step's table each velocity of each cell goes on from.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FEATURES = 2
"""Inputs of a cell besides where its points lie: log of their number, share of occupied cells in the 5 x 5 around."""


def flows_within(radius: float) -> Tensor:
    """All velocities (V,2) of whole cells a step that are no faster than `radius`."""
    axis = torch.arange(-int(radius), int(radius) + 1)
    flows = torch.cartesian_prod(axis, axis)
    return flows[flows.square().sum(dim=1) <= radius**2]


class FlowMemoryNetwork(nn.Module):
    """What both memories share: the flows, and the exchange between velocities that differ by at most one cell a step.

    One step of it, `forward`, takes
        state (M,V,C) of the M cells that were occupied one step ago, 0: nothing is known
        source (K,V) for each of the K cells that are occupied now the row of the cell it was in before, had it moved
            by each velocity; M: that cell was not occupied
        before (M,2), now (K,2) centroids of the cells' points, in cells, from the middle of the cell
        beside (K,4) the rows of the four cells that adjoin it; K: not occupied
        features (K,FEATURES)
    and gives the state (K,V,C) and the probability (K,V+1) of each velocity, and last that it is none of them or not
    known.
    """

    velocities: Tensor
    near: Tensor

    def __init__(self, radius: float, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.register_buffer("velocities", flows_within(radius), persistent=False)
        apart = (self.velocities[:, None] - self.velocities[None]).square().sum(dim=2)
        self.register_buffer("near", torch.stack([apart == 1, apart == 2]).float(), persistent=False)

    def gathered(self, state: Tensor, source: Tensor, before: Tensor, now: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Each cell's state (K,V,C) where it came from, whether it was occupied (K,V,1), squared residual (K,V,1).

        The residual is what the centroid has moved beyond the whole cells of the velocity.
        """
        count = len(self.velocities)
        carried = torch.cat([state, before[:, None].expand(-1, count, -1), torch.ones_like(state[..., :1])], dim=2)
        carried = torch.cat([carried, torch.zeros_like(carried[:1])])
        index = source * count + torch.arange(count)
        found = carried.flatten(0, 1).index_select(0, index.flatten()).reshape(-1, count, self.channels + 3)
        residual = now[:, None] - found[..., self.channels : -1]
        return found[..., : self.channels], found[..., -1:], residual.square().sum(dim=2, keepdim=True)


def beside_mean(values: Tensor, beside: Tensor) -> Tensor:
    """Mean (K,V,C) of values (K,V,C) over the occupied ones of the four cells that adjoin each; 0 without any."""
    padded = torch.cat([values, torch.zeros_like(values[:1])])
    count = (beside < values.shape[0]).sum(dim=1).clamp(min=1)
    total = padded[beside[:, 0]] + padded[beside[:, 1]] + (padded[beside[:, 2]] + padded[beside[:, 3]])
    return total / count[:, None, None]


class FlowFilter(FlowMemoryNetwork):
    """The memory in closed form: a Bayes filter over the velocities of each occupied cell, with nothing learned.

    Predicted: what was in the cell that the velocity comes from, a little of it accelerated by one cell a step, and
    what was not known there spread over all velocities. Updated: by how well the centroids of both cells fit.
    """

    def __init__(
        self, radius: float = 7.0, acceleration: float = 0.1, deviation: float = 0.35, chance: float = 0.1
    ) -> None:
        """`acceleration`: share that goes to each velocity one cell a step away. `deviation` of the residual in cells.

        `chance`, in shares of one velocity of a cell that nothing is known of: that the cell was not occupied before.
        """
        super().__init__(radius, channels=1)
        self.acceleration, self.deviation, self.chance = acceleration, deviation, chance

    def forward(
        self, state: Tensor, source: Tensor, before: Tensor, now: Tensor, beside: Tensor, features: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step, as the base class says; `beside` and `features` are not needed."""
        count = len(self.velocities)
        known = state[..., 0]
        stayed = torch.eye(count) * (1.0 - 4.0 * self.acceleration) + self.acceleration * self.near[0]
        predicted = known @ stayed + (1.0 - known.sum(dim=1, keepdim=True)) / count
        carried, _, residual = self.gathered(predicted[..., None], source, before, now)
        likely = (carried * torch.exp(-0.5 * residual / self.deviation**2))[..., 0]
        anew = torch.full_like(likely[:, :1], self.chance / count)
        probability = torch.cat([likely, anew], dim=1)
        probability = probability / probability.sum(dim=1, keepdim=True)
        return probability[:, :-1, None], probability


class FlowMemory(FlowMemoryNetwork):
    """The learned memory: a gated recurrence, with one small network for all cells and velocities."""

    def __init__(self, radius: float = 7.0, channels: int = 4, hidden: int = 12) -> None:
        super().__init__(radius, channels)
        self.mix = nn.Parameter(torch.zeros(3, channels, channels))  # from the same velocity, beside it, across
        self.log_deviations = nn.Parameter(torch.tensor([0.15, 0.4]).log())
        self.perceive = nn.Linear(channels + 3, hidden)
        self.around = nn.Linear(hidden, hidden, bias=False)
        self.cell = nn.Linear(FEATURES, hidden)
        self.update = nn.Linear(hidden, 2 * channels)
        self.answer = nn.Linear(channels, 1)
        self.unknown = nn.Linear(FEATURES, 1)
        with torch.no_grad():
            self.mix[0] += torch.eye(channels)

    def forward(
        self, state: Tensor, source: Tensor, before: Tensor, now: Tensor, beside: Tensor, features: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step, as the base class says."""
        mixed = state @ self.mix[0]
        for weights, near in zip(self.mix[1:], self.near, strict=True):
            mixed = mixed + torch.einsum("mvc,vw->mwc", state @ weights, near)
        carried, occupied, residual = self.gathered(mixed, source, before, now)
        matches = torch.exp(-0.5 * residual * torch.exp(-2.0 * self.log_deviations)) * occupied
        seen = torch.relu(self.perceive(torch.cat([carried, occupied, matches], dim=2)))
        inside = torch.relu(seen + self.around(beside_mean(seen, beside)) + self.cell(features)[:, None])
        gate, candidate = self.update(inside).chunk(2, dim=2)
        gate = torch.sigmoid(gate)
        state = gate * carried + (1.0 - gate) * torch.tanh(candidate)
        logits = torch.cat([8.0 * self.answer(state)[..., 0], self.unknown(features)], dim=1)
        return state, torch.softmax(logits, dim=1)
