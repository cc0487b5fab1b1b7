"""The flow-equivariant memory of a bird's-eye grid: at every occupied cell, a state for each velocity it may have.

h[t](x, v) = f(h[t-1](x - v, v), observations at x and around it): velocities v in whole cells a step, f the same for
all x and v. When everything moves by u more cells a step, the memory is moved and its velocities are permuted by u;
turns by 90 degrees and mirroring act on both. Source: Keller, Flow Equivariant Recurrent Neural Networks (2025).

Only occupied cells have a state. The shift along a flow is therefore an index: for each velocity of each cell, the row
of the last step's table that it continues from.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FEATURES = 4
"""Inputs of a cell besides where its points lie: log of their number, share of occupied cells in the 5 x 5 around it,
trace and determinant of their scatter."""
FAINT = 1e-3
"""Lower bound of the evidence for a velocity, in shares of the uniform probability, so that none is ever excluded."""


def flows_within(radius: float) -> Tensor:
    """All velocities (V,2) of whole cells a step that are no faster than `radius`."""
    axis = torch.arange(-int(radius), int(radius) + 1)
    flows = torch.cartesian_prod(axis, axis)
    return flows[flows.square().sum(dim=1) <= radius**2]


class FlowFilter(nn.Module):
    """The memory in closed form: a Bayes filter over the velocities of each occupied cell, with nothing learned.

    Prediction: the distribution of the cell that the velocity comes from, a share of it accelerated by one cell a
    step, and its unknown part distributed over all velocities. Update: the likelihood of the centroids of both cells.

    One step of it, `forward`, takes
        state (C,M,V) of the M cells that were occupied one step ago; the first channel is the probability of each
            velocity; the rest to 1 is the probability that it is unknown or none of them
        source (K,V) for each of the K cells that are occupied now the row of the cell it was in before, had it moved
            by each velocity; M where that cell was not occupied
        before (M,2), now (K,2) centroids of the cells' points, in cells, from the middle of the cell
        beside (K,4) the rows of the four adjoining cells; K where not occupied
        features (K,FEATURES)
    and returns the state (C,K,V) and the probabilities (K,V+1) of the velocities, the last one of unknown or none.
    """

    velocities: Tensor
    near: Tensor

    def __init__(
        self, radius: float = 7.0, acceleration: float = 0.1, deviation: float = 0.35, chance: float = 0.1
    ) -> None:
        """`acceleration`: share of the probability that goes to each velocity one cell a step away. `deviation`:
        standard deviation of the residual, cells.

        `chance`: probability that the cell was not occupied before, in units of the uniform probability.
        """
        super().__init__()
        self.channels = 1
        self.acceleration, self.deviation, self.chance = acceleration, deviation, chance
        self.register_buffer("velocities", flows_within(radius), persistent=False)
        apart = (self.velocities[:, None] - self.velocities[None]).square().sum(dim=2)
        self.register_buffer("near", torch.stack([apart == 0, apart == 1, apart == 2]).float(), persistent=False)

    def forward(
        self, state: Tensor, source: Tensor, before: Tensor, now: Tensor, beside: Tensor, features: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step, see the class; `beside` and `features` are not used."""
        shares = self.near.new_tensor([1.0 - 4.0 * self.acceleration, self.acceleration, 0.0])
        propagated, residual = self.followed(self.predicted(state[0], shares)[None], source, before, now)
        likely = propagated[0] * torch.exp(-0.5 * residual / self.deviation**2)
        anew = torch.full_like(likely[:, :1], self.chance / len(self.velocities))
        probability = torch.cat([likely, anew], dim=1)
        probability = probability / probability.sum(dim=1, keepdim=True)
        return probability[None, :, :-1], probability

    def predicted(self, known: Tensor, shares: Tensor) -> Tensor:
        """Probabilities (M,V) after acceleration; `shares` (3,): unchanged, to each next, to each diagonal velocity."""
        mixing = torch.tensordot(shares, self.near, 1)
        return known @ mixing + (1.0 - known.sum(dim=1, keepdim=True)) / len(self.velocities)

    def followed(self, state: Tensor, source: Tensor, before: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
        """The state (C,M,V) propagated along each velocity to the cells now (C,K,V), and squared residuals (K,V).

        A residual is the motion of the centroids beyond the whole cells of the velocity. Where a velocity comes from no
        occupied cell, the state is 0 and the residual huge.
        """
        channels, count = state.shape[0] + 2, len(self.velocities)
        nowhere = torch.cat([state.new_zeros(channels - 2), state.new_full((2,), 1e3)])
        table = torch.cat([state, before.T[:, :, None].expand(-1, -1, count)])
        table = torch.cat([table, nowhere[:, None, None].expand(-1, 1, count)], dim=1)
        # one row of all channels for each cell and velocity, so that they are picked together
        index = (source * count + torch.arange(count, dtype=source.dtype)).flatten()
        found = table.permute(1, 2, 0).flatten(0, 1).index_select(0, index).T.reshape(channels, -1, count)
        residual = (now[:, :1] - found[-2]).square() + (now[:, 1:] - found[-1]).square()
        return found[:-2], residual


class FlowMemory(FlowFilter):
    """The learned memory: the recursion of the filter, with its evidence corrected by a small network.

    The network is the same for all velocities, and before training the memory is the filter. Its inputs are the
    filter's evidence, the fit of the centroids, the evidence of the adjoining cells, and features of its own that are
    propagated along each velocity.
    """

    def __init__(self, radius: float = 7.0, remembered: int = 2, hidden: int = 8) -> None:
        super().__init__(radius)
        self.channels = 1 + remembered
        self.shares = nn.Parameter(torch.tensor([1.0 - 4.0 * self.acceleration, self.acceleration, 1e-3]).log())
        self.log_deviations = nn.Parameter(torch.tensor([self.deviation, 0.12]).log())
        self.log_chance = nn.Linear(FEATURES, 1)
        self.beside_weight = nn.Parameter(torch.zeros(()))
        self.perceive = nn.Linear(4 + remembered, hidden)
        self.cell = nn.Linear(FEATURES, hidden, bias=False)
        self.update = nn.Linear(hidden, 1 + 2 * remembered)
        with torch.no_grad():
            self.log_chance.weight.zero_()
            self.log_chance.bias.fill_(float(torch.tensor(self.chance).log()))
            self.update.weight.mul_(0.1)
            self.update.bias.zero_()

    def forward(
        self, state: Tensor, source: Tensor, before: Tensor, now: Tensor, beside: Tensor, features: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step, see the base class."""
        count = len(self.velocities)
        shares = torch.exp(self.shares)
        shares = shares / (shares * torch.tensor([1.0, 4.0, 4.0])).sum()
        state = torch.cat([self.predicted(state[0], shares)[None], state[1:]])
        propagated, residual = self.followed(state, source, before, now)
        fits, fits_well = torch.exp(-0.5 * residual * torch.exp(-2.0 * self.log_deviations[:, None, None])).unbind()
        evidence = torch.log(propagated[0] * fits * count + FAINT)  # 0: uniform
        around = beside_mean(evidence, beside)
        seen = torch.cat([torch.stack([evidence, around, fits, fits_well]), propagated[1:]])
        inside = _apply(self.perceive, seen) + self.cell(features).T[:, :, None]
        correction, gates, candidates = _apply(self.update, torch.relu(inside)).split(
            [1, self.channels - 1, self.channels - 1]
        )
        gates = torch.sigmoid(gates)
        remembered = gates * propagated[1:] + (1.0 - gates) * torch.tanh(candidates)
        logits = evidence + self.beside_weight * around + correction[0]
        probability = torch.softmax(torch.cat([logits, self.log_chance(features)], dim=1), dim=1)
        return torch.cat([probability[None, :, :-1], remembered]), probability


def beside_mean(values: Tensor, beside: Tensor) -> Tensor:
    """Mean (K,V) of values (K,V) over the occupied ones of the four adjoining cells; 0 without any."""
    padded = torch.cat([values, torch.zeros_like(values[:1])])
    count = (beside < values.shape[0]).sum(dim=1, keepdim=True).clamp(min=1)
    total = sum((padded.index_select(0, row) for row in beside.unbind(dim=1)), torch.zeros_like(values))
    return total / count


def _apply(layer: nn.Linear, channels: Tensor) -> Tensor:
    """A linear layer on channels (C,K,V), as one product of two matrices."""
    mapped = layer.weight @ channels.flatten(1) + layer.bias[:, None]
    return mapped.reshape(-1, channels.shape[1], channels.shape[2])
