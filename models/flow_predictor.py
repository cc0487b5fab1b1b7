"""Networks that predict the images to come of a sequence, by flow-equivariant and by ordinary recurrence.

Apart from the recurrence the two are the same: two small convolutions make the image out of the first maps of the
memory. The flow-equivariant network takes the largest over all velocities, each where that velocity will have carried
it so many steps ahead; the ordinary one knows the next image alone and goes on from what it predicted itself.
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
    """Maps (N,maps,H,W) to an image (N,1,H,W); it begins by passing the first map on."""

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

    It remembers at each velocity what was never contradicted, and begins as the running minimum of what was seen. With
    a polar grid the velocities are turns about the centre of the image.
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
        """Its state before the first image."""
        return self.recurrence.start(*(self.polar.shape if self.polar is not None else (height, width)), batch)

    def forward(
        self, image: Tensor, ahead: int | Tensor, memory: Tensor, displacement: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """An image (N,1,H,W), 0 to 1, to the one `ahead` steps later (1: the next), followed by the state."""
        memory, displacement = self.remember(image, memory, displacement)
        return self.read(ahead, memory, displacement), memory, displacement

    def remember(self, image: Tensor, memory: Tensor, displacement: Tensor) -> tuple[Tensor, Tensor]:
        """An image (N,1,H,W), 0 to 1, to the state that it leads to."""
        return self.recurrence(self.polar.polar(image) if self.polar is not None else image, memory, displacement)

    def read(self, ahead: int | Tensor, memory: Tensor, displacement: Tensor) -> Tensor:
        """The image (N,1,H,W) so many steps after the one that led to this state."""
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
        """Its state before the first image."""
        return (self.recurrence.start(height, width, batch),)

    def forward(self, image: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """An image (N,1,H,W), 0 to 1, to the next one, followed by the state."""
        memory = self.recurrence(image, memory)
        return self.decoder(memory[:, : self.maps]), memory
