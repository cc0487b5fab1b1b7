"""Networks that predict the next images of a sequence, with a flow-equivariant or an ordinary recurrence.

Both decode the image from the first maps of the memory by two small convolutions. The flow-equivariant network takes
the maximum over all velocities, each shifted to where it will be after the given number of steps. The ordinary network
predicts the next image only; for later ones it is fed its own predictions.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from isometry.models.layers.flow.recurrence import FlowRecurrence, contradicted
from isometry.models.layers.flow.translation_flows import TranslationFlows
from isometry.models.layers.plain.recurrence import PlainRecurrence
from isometry.models.layers.so2.polar_grid import PolarGrid


class Decoder(nn.Module):
    """Maps (N,maps,H,W) to an image (N,1,H,W); before training it passes the first map on."""

    def __init__(self, maps: int, circular: bool) -> None:
        super().__init__()
        border: Literal["circular", "zeros"] = "circular" if circular else "zeros"
        self.first = nn.Conv2d(maps, 2 * maps, 3, padding=1, padding_mode=border)
        self.second = nn.Conv2d(2 * maps, 1, 3, padding=1, padding_mode=border)
        with torch.no_grad():
            for layer in (self.first, self.second):
                layer.weight.mul_(0.1).add_(nn.init.dirac_(torch.empty_like(layer.weight)))

    def forward(self, maps: Tensor) -> Tensor:
        """(N,maps,H,W) to (N,1,H,W)."""
        return self.second(torch.relu(self.first(maps)))


class FlowPredictor(nn.Module):
    """State: memory (N, hidden, P*H, Q*W) and displacements (1,P+Q), int64, as in FlowRecurrence.

    At each velocity the memory holds what no image has contradicted; before training it is the running minimum of the
    images. With a polar grid the velocities are rotations about the centre of the image.
    """

    def __init__(self, hidden: int, maps: int, flows: TranslationFlows, polar: PolarGrid | None = None) -> None:
        super().__init__()
        self.maps = maps
        self.polar = polar
        self.recurrence = FlowRecurrence(1, hidden, flows, update=contradicted, prior=1.0)
        self.decoder = Decoder(maps, circular=polar is None and flows.circular)
        with torch.no_grad():
            self.recurrence.input.weight.mul_(0.1).sub_(1.0)

    def start(self, height: int, width: int, batch: int = 1) -> tuple[Tensor, Tensor]:
        """The state before the first image."""
        return self.recurrence.start(*(self.polar.shape if self.polar is not None else (height, width)), batch)

    def forward(
        self, image: Tensor, ahead: int | Tensor, memory: Tensor, displacement: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """An image (N,1,H,W), 0 to 1, to the image `ahead` steps later (1: the next), and the new state."""
        memory, displacement = self.remember(image, memory, displacement)
        return self.read(ahead, memory, displacement), memory, displacement

    def remember(self, image: Tensor, memory: Tensor, displacement: Tensor) -> tuple[Tensor, Tensor]:
        """The state after an image (N,1,H,W), 0 to 1."""
        return self.recurrence(self.polar.polar(image) if self.polar is not None else image, memory, displacement)

    def read(self, ahead: int | Tensor, memory: Tensor, displacement: Tensor) -> Tensor:
        """The image (N,1,H,W) `ahead` steps after the last one, decoded from the state."""
        highest = self.recurrence.highest(memory[:, : self.maps], displacement, ahead)
        return self.decoder(self.polar.image(highest) if self.polar is not None else highest)


class PlainPredictor(nn.Module):
    """State: memory (N, hidden, H, W)."""

    def __init__(self, hidden: int, maps: int, kernel_size: int, circular: bool) -> None:
        super().__init__()
        self.maps = maps
        self.recurrence = PlainRecurrence(1, hidden, kernel_size, circular)
        self.decoder = Decoder(maps, circular)

    def start(self, height: int, width: int, batch: int = 1) -> tuple[Tensor]:
        """The state before the first image."""
        return (self.recurrence.start(height, width, batch),)

    def forward(self, image: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """An image (N,1,H,W), 0 to 1, to the next image, and the new state."""
        memory = self.recurrence(image, memory)
        return self.decoder(memory[:, : self.maps]), memory
