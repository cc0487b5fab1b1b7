"""The ordinary convolutional recurrence, what a flow-equivariant one is measured against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn


class PlainRecurrence(nn.Module):
    """h[t+1] = activation(W * h[t] + U * f[t+1]) with hidden maps (N, hidden, H, W).

    W and U have `kernel_size` cells a side: as far as things move in a step, for it is W that has to move them.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        kernel_size: int,
        circular: bool,
        activation: Callable[[Tensor], Tensor] = torch.relu,
    ) -> None:
        super().__init__()
        self.hidden = hidden
        self.activation = activation
        border: Literal["circular", "zeros"] = "circular" if circular else "zeros"
        reach = kernel_size // 2
        self.input = nn.Conv2d(inputs, hidden, kernel_size, padding=reach, padding_mode=border)
        self.recurrent = nn.Conv2d(hidden, hidden, kernel_size, padding=reach, padding_mode=border, bias=False)

    def start(self, height: int, width: int, batch: int = 1) -> Tensor:
        """Empty memory (batch, hidden, H, W)."""
        return self.input.weight.new_zeros(batch, self.hidden, height, width)

    def forward(self, frame: Tensor, memory: Tensor) -> Tensor:
        """One step: features of the new frame (N,I,H,W) are taken into the memory (N,hidden,H,W)."""
        return self.activation(self.recurrent(memory) + self.input(frame))
