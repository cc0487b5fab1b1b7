"""Recurrence that is equivariant to motion: one memory for each velocity, moved along with it.

h[t+1](v) = activation(W * shift_v(h[t](v)) + U * f[t+1]), weights shared over the velocities v. An input sequence that
moves by a flow u gives the memory moved, and its velocities permuted: h'[t](v) = shift_u^t(h[t](v - u)).
Source: Keller, Flow Equivariant Recurrent Neural Networks (2025).

Here the memory itself never moves. Each velocity keeps it in a window that travels with the flow, and only the input on
its way in and the answer on its way out are shifted by the window's displacement: some channels in place of all, and
no interpolation of what is remembered. What moves with a velocity stands still in its window, so that W may be
pointwise, and all velocities go through one convolution.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from isometry.models.layers.rotation_flows import RotationFlows
from isometry.models.layers.translation_flows import TranslationFlows

Flows = TranslationFlows | RotationFlows


class FlowRecurrence(nn.Module):
    """Memory (N, hidden, V, H, W) of what has been seen at each velocity, and displacements (B,V,D) of its windows.

    `mixing` lets each velocity see the memory of its neighbours up to so many steps of velocity away (0: none); the
    windows are then aligned in every step, which costs about as much again. Flow equivariance is exact for a set of
    velocities without end; with a finite one the channels at its rim have no neighbour beyond it, and without mixing
    only those velocities that leave the set are lost.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        flows: Flows,
        mixing: int = 0,
        activation: Callable[[Tensor], Tensor] = torch.relu,
    ) -> None:
        super().__init__()
        self.hidden = hidden
        self.flows = flows
        self.mixing = mixing
        self.activation = activation
        reach = [2 * mixing + 1 if size > 1 else 1 for size in flows.grid]
        self.input = nn.Conv2d(inputs, hidden, 1)
        self.recurrent = nn.Conv3d(
            hidden, hidden, (reach[0], reach[1], 1), padding=(reach[0] // 2, reach[1] // 2, 0), bias=False
        )
        with torch.no_grad():  # it begins by remembering
            self.recurrent.weight.mul_(0.1)
            self.recurrent.weight[:, :, reach[0] // 2, reach[1] // 2, 0] += torch.eye(hidden)

    def start(self, height: int, width: int, batch: int = 1) -> tuple[Tensor, Tensor]:
        """Empty memory (batch, hidden, V, H, W) and displacements (1,V,D) before the first step."""
        velocities = self.flows.velocities
        memory = self.input.weight.new_zeros(batch, self.hidden, len(velocities), height, width)
        return memory, torch.zeros_like(velocities)[None]

    def forward(
        self, frame: Tensor, memory: Tensor, displacement: Tensor, own_shift: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """One step: the windows move on, and features of the new frame (N,I,H,W) are taken into them.

        `own_shift` (B,D), whole cells (or steps of rotation): how far all that stands still has moved across the grid
        since the last frame because the robot moved, which is its motion in the grid's axes with the opposite sign.
        It adds to every velocity, so that velocities are over ground: what moves by v crosses the grid by
        v + own_shift. Returns the memory and the displacements after the step.
        """
        motion = self.flows.velocities[None]
        if own_shift is not None:
            motion = motion + own_shift[:, None]
        displacement = displacement + motion
        if isinstance(self.flows, TranslationFlows) and not self.flows.circular:
            memory = memory * self.flows.stayed(motion, displacement, *memory.shape[3:]).to(memory.dtype)
        lifted = self.flows.lift(frame, displacement)
        taken_in = self.input(lifted.flatten(2, 3)).unflatten(2, lifted.shape[2:4])
        return self.activation(self._recalled(memory, displacement) + taken_in), displacement

    def world(self, features: Tensor, displacement: Tensor, ahead: int = 0) -> Tensor:
        """Features (N,K,V,H,W) of the windows at their places on the grid, `ahead` steps from now: the same shape."""
        motion = ahead * self.flows.velocities[None]
        moved = self.flows.lower(features, displacement + motion)
        if ahead and isinstance(self.flows, TranslationFlows) and not self.flows.circular:
            here = torch.zeros_like(motion)
            moved = moved * self.flows.stayed(motion, here, *features.shape[3:]).to(features.dtype)
        return moved

    def _recalled(self, memory: Tensor, displacement: Tensor) -> Tensor:
        """W applied to the memory, in one convolution for all velocities."""
        n, _, _, height, width = memory.shape
        if self.mixing:
            memory = self.flows.lower(memory, displacement)
        recalled = self.recurrent(memory.reshape(n, self.hidden, *self.flows.grid, height * width))
        recalled = recalled.reshape(n, self.hidden, -1, height, width)
        return self._in_windows(recalled, displacement) if self.mixing else recalled

    def _in_windows(self, world: Tensor, displacement: Tensor) -> Tensor:
        """What `lower` did undone: each velocity's own map (N,K,V,H,W) back in its window."""
        return self.flows.lower(world, -displacement)
