"""Recurrence that is equivariant to motion: one memory for each velocity, moved along with it.

h[t+1](v) = relu(W * shift_v(h[t](v)) + U * f[t+1]), weights shared over the velocities v. When the input sequence
moves by a flow u, the memory moves and its velocities are permuted: h'[t](v) = shift_u^t(h[t](v - u)).
Source: Keller, Flow Equivariant Recurrent Neural Networks (2025).

Here the memory itself is never shifted. Each velocity has a window that travels with the flow; only the input and the
output are shifted by the displacement of the window. That shifts a few channels instead of all of them and needs no
interpolation of the memory. What moves with a velocity is stationary in its window, so that W may be pointwise; and
the windows are tiles of one map, so that one convolution serves all velocities.

On a polar grid (polar_grid.py) turns are translations along the angle, and the same layer is equivariant to them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from isometry.models.layers.flow.translation_flows import TranslationFlows

Update = Callable[[Tensor, Tensor], Tensor]  # the memory that was and what drives it, W * h + U * f, to the new one


def renewed(memory: Tensor, drive: Tensor) -> Tensor:
    """The update of the paper: the new memory is the drive alone."""
    return torch.relu(drive)


def contradicted(memory: Tensor, drive: Tensor) -> Tensor:
    """The memory only decreases: what no image has contradicted remains, so that it converges."""
    return memory - torch.relu(drive)


class FlowRecurrence(nn.Module):
    """Memory (N, hidden, P*H, Q*W) of what has been seen at each of P x Q velocities, and where their windows are.

    With P and Q the `tiles` of the flows. The memory of what was not seen yet is `prior`. `mixing` lets each velocity
    see the memory of its neighbours up to so many steps of velocity away (0: none); the windows are then aligned in
    every step, which costs more than the rest.

    Flow equivariance is exact, on circular grids, and on open ones for everything that stays on them, except at the rim
    of the set of velocities: what a flow moves beyond the rim is lost, also to its neighbours with mixing.
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
        """One step: the windows move on, and features of the new frame (N,I,H,W) enter them.

        `own_shift` (B,2), whole cells along rows and columns: how far everything stationary has moved across the grid
        since the last frame because the robot moved, that is the negative of the robot's motion in the grid's axes. It
        adds to every velocity, so that velocities are over ground: what moves by v crosses the grid by v + own_shift.

        Returns the memory and the displacements after the step.
        """
        motion = self.flows.motion(own_shift)
        displacement = displacement + motion
        memory = self.flows.without_newcomers(memory, motion, displacement, self.prior)
        entering = self.input(self.flows.lift(frame, displacement))
        return self.update(memory, self._recalled(memory, displacement, frame) + entering), displacement

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
