"""Recurrence that is equivariant to motion: one memory for each velocity, moved along with it.

h[t+1](v) = relu(W * shift_v(h[t](v)) + U * f[t+1]), weights shared over the velocities v. An input sequence that
moves by a flow u gives the memory moved, and its velocities permuted: h'[t](v) = shift_u^t(h[t](v - u)).
Source: Keller, Flow Equivariant Recurrent Neural Networks (2025).

Here the memory itself never moves. Each velocity keeps it in a window that travels with the flow, and only the input on
its way in and the answer on its way out are shifted by the window's displacement: a few channels in place of all, and
no interpolation of what is remembered. What moves with a velocity stands still in its window, so that W may be
pointwise; and the windows are tiles of one map, so that all velocities go through one convolution.

On a polar grid (polar_grid.py) turns are translations along the angle, and the same layer is equivariant to them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from isometry.models.layers.flow.translation_flows import TranslationFlows

Update = Callable[[Tensor, Tensor], Tensor]  # the memory that was and what drives it, W * h + U * f, to the new one


def renewed(memory: Tensor, drive: Tensor) -> Tensor:
    """The paper's: nothing stays that does not go through W."""
    return torch.relu(drive)


def contradicted(memory: Tensor, drive: Tensor) -> Tensor:
    """What is possible until it is contradicted: drives take away from it and never add, so that it settles."""
    return memory - torch.relu(drive)


class FlowRecurrence(nn.Module):
    """Memory (N, hidden, P*H, Q*W) of what has been seen at each of P x Q velocities, and where their windows are.

    With P and Q the `tiles` of the flows. The memory of what was not seen yet is `prior`. `mixing` lets each velocity
    see the memory of its neighbours up to so many steps of velocity away (0: none); the windows are then aligned in
    every step, which costs more than the rest.

    A set of flows has a rim: what an input's own flow moves beyond it is lost, and with mixing its neighbours miss it.
    Apart from that flow equivariance is exact: on circular grids, and on open ones for all that stays on them.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        flows: TranslationFlows,
        mixing: int = 0,
        update: Update = renewed,
        prior: float = 0.0,
    ) -> None:
        super().__init__()
        self.hidden = hidden
        self.flows = flows
        self.update = update
        self.prior = prior
        rows, columns = (mixing if speeds > 1 else 0 for speeds in flows.tiles)
        self.reach = (rows, columns)
        self.input = nn.Conv2d(inputs, hidden, 1)
        self.recurrent = nn.Conv2d(hidden, hidden, (2 * rows + 1, 2 * columns + 1), bias=False)
        with torch.no_grad():  # it begins by remembering
            self.recurrent.weight.mul_(0.1)
            self.recurrent.weight[:, :, rows, columns] += torch.eye(hidden)

    def start(self, height: int, width: int, batch: int = 1) -> tuple[Tensor, Tensor]:
        """Memory (batch, hidden, P*H, Q*W) and displacements (1,P+Q), before the first step."""
        rows, columns = self.flows.tiles
        memory = self.input.weight.new_full((batch, self.hidden, rows * height, columns * width), self.prior)
        return memory, torch.zeros_like(self.flows.speeds)[None]

    def forward(
        self, frame: Tensor, memory: Tensor, displacement: Tensor, own_shift: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """One step: the windows move on, and features of the new frame (N,I,H,W) are taken into them.

        `own_shift` (B,2), whole cells along rows and columns: how far all that stands still has moved across the grid
        since the last frame because the robot moved, which is the robot's motion in the grid's axes with the opposite
        sign. It adds to every velocity, so that velocities are over ground: what moves by v crosses the grid by
        v + own_shift. Returns the memory and the displacements after the step.
        """
        motion = self.flows.motion(own_shift)
        displacement = displacement + motion
        memory = self.flows.without_newcomers(memory, motion, displacement, self.prior)
        taken_in = self.input(self.flows.lift(frame, displacement))
        return self.update(memory, self._recalled(memory, displacement, frame) + taken_in), displacement

    def world(self, features: Tensor, displacement: Tensor, ahead: int | Tensor = 0) -> Tensor:
        """Features (N,K,P*H,Q*W) of the windows at their places on the grid, `ahead` steps from now: (N,K,P,Q,H,W).

        What will by then have come upon an open grid is 0.
        """
        features, there = self._ahead(features, displacement, ahead)
        apart = self.flows.lower(features, there).unflatten(3, (self.flows.tiles[1], -1))
        return apart.unflatten(2, (self.flows.tiles[0], -1)).transpose(3, 4)

    def highest(self, features: Tensor, displacement: Tensor, ahead: int | Tensor = 0) -> Tensor:
        """The maximum of `world` over the velocities, (N,K,H,W), for less."""
        return self.flows.highest(*self._ahead(features, displacement, ahead))

    def _ahead(self, features: Tensor, displacement: Tensor, steps: int | Tensor) -> tuple[Tensor, Tensor]:
        motion = steps * self.flows.speeds[None]
        displacement = displacement + motion
        return self.flows.without_newcomers(features, motion, displacement), displacement

    def _recalled(self, memory: Tensor, displacement: Tensor, frame: Tensor) -> Tensor:
        """W applied to the memory, in one convolution for all velocities."""
        if not any(self.reach):
            return self.recurrent(memory)
        height, width = frame.shape[2:]
        # the same cell at the next velocity lies one tile further on
        border = (self.reach[0] * height, self.reach[1] * width)
        aligned = self.flows.lower(memory, displacement)
        mixed = nn.functional.conv2d(aligned, self.recurrent.weight, padding=border, dilation=(height, width))
        return self.flows.lower(mixed, -displacement)
