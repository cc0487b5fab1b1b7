"""Convolutions equivariant to translations and to turns by 360 / 8 degrees; exported, they are plain convolutions.

A field is a channel at each of the 8 orientations: feature maps are (N, 8 * fields, H, W), the field varying fastest.
Turning the input counter-clockwise by 45 degrees turns the maps and moves each orientation to the next.
Source: Cohen and Welling, Group Equivariant Convolutional Networks (2016), with steerable filters.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from isometry.models.layers.so2.steerable_basis import rotated_basis

ORIENTATIONS = 8


class CyclicConvolution(nn.Module):
    """Maps fields to fields (or, `from_image`, plain channels to fields). "Same" padding, stride 1, no bias."""

    basis: Tensor
    seen_as: Tensor

    def __init__(self, inputs: int, outputs: int, kernel_size: int, from_image: bool = False) -> None:
        super().__init__()
        self.padding = kernel_size // 2
        self.from_image = from_image
        basis = torch.tensor(rotated_basis(kernel_size, ORIENTATIONS), dtype=torch.float32)
        orientation = torch.arange(ORIENTATIONS)
        self.register_buffer("basis", basis, persistent=False)
        # [g, h]: orientation h of the input relative to orientation g of the output
        seen_as = (orientation[None, :] - orientation[:, None]) % ORIENTATIONS
        self.register_buffer("seen_as", seen_as, persistent=False)
        seen = 1 if from_image else ORIENTATIONS
        scale = (2.0 / (inputs * seen * basis.shape[1])) ** 0.5
        self.coefficients = nn.Parameter(scale * torch.randn(outputs, inputs, seen, basis.shape[1]))

    def weight(self) -> Tensor:
        """The plain convolution's weight (8 * outputs, 8 * inputs or inputs, k, k)."""
        if self.from_image:
            weight = torch.einsum("oib,gbxy->goixy", self.coefficients[:, :, 0], self.basis)
        else:
            weight = torch.einsum("oighb,gbxy->gohixy", self.coefficients[:, :, self.seen_as], self.basis)
            weight = weight.flatten(2, 3)
        return weight.flatten(0, 1).contiguous(memory_format=torch.channels_last)

    def forward(self, features: Tensor) -> Tensor:
        """(N, 8 * inputs or inputs, H, W) to (N, 8 * outputs, H, W)."""
        return nn.functional.conv2d(features, self.weight(), padding=self.padding)

    @torch.no_grad()
    def plain(self) -> nn.Conv2d:
        """The same map as an ordinary convolution."""
        weight = self.weight()
        outputs, inputs, size, _ = weight.shape
        convolution = nn.Conv2d(inputs, outputs, size, padding=self.padding, bias=False).to(weight)
        convolution.weight.copy_(weight)
        return convolution


class FieldNormalization(nn.BatchNorm2d):
    """Batch normalisation in which the orientations of a field share their statistics, as equivariance demands."""

    def forward(self, features: Tensor) -> Tensor:
        """(N, 8 * fields, H, W) to the same shape."""
        n, _, h, w = features.shape
        # laid out with channels last, this regrouping of (H, W, 8, fields) moves nothing in memory
        grouped = features.permute(0, 2, 3, 1).reshape(n, h, w * ORIENTATIONS, self.num_features)
        normalized = super().forward(grouped.permute(0, 3, 1, 2))
        return normalized.permute(0, 2, 3, 1).reshape(n, h, w, -1).permute(0, 3, 1, 2)


class CyclicBlock(nn.Module):
    """Equivariant convolution, normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, from_image: bool = False) -> None:
        super().__init__()
        self.convolution = CyclicConvolution(inputs, outputs, kernel_size, from_image)
        self.normalization = FieldNormalization(outputs)

    def forward(self, features: Tensor) -> Tensor:
        """(N, 8 * inputs or inputs, H, W) to (N, 8 * outputs, H, W)."""
        return torch.relu(self.normalization(self.convolution(features)))

    @torch.no_grad()
    def plain(self) -> nn.Sequential:
        """The same map at inference, the normalisation folded into an ordinary convolution."""
        normalization, convolution = self.normalization, self.convolution.plain()
        variance, mean = normalization.running_var, normalization.running_mean
        assert variance is not None, "tracked by construction"
        assert mean is not None
        scale = normalization.weight / (variance + normalization.eps).sqrt()
        offset = normalization.bias - mean * scale
        convolution.weight.mul_(scale.repeat(ORIENTATIONS)[:, None, None, None])
        convolution.bias = nn.Parameter(offset.repeat(ORIENTATIONS))
        return nn.Sequential(convolution, nn.ReLU())


def plain(network: nn.Module) -> nn.Module:
    """A copy of a network with each equivariant part replaced by the ordinary convolution that it is."""
    if isinstance(network, (CyclicConvolution, CyclicBlock)):
        return network.plain()
    converted = copy.deepcopy(network)
    for name, child in network.named_children():
        setattr(converted, name, plain(child))
    return converted.eval()


def orientation_shift(features: Tensor, turns: Tensor) -> Tensor:
    """Features (N, 8, F) after their surroundings have turned counter-clockwise by `turns` (N,) eighths.

    Turns may be fractional: the shift along the orientations is band-limited (Fourier).
    """
    spectrum = torch.fft.rfft(features, dim=1)
    frequency = torch.arange(spectrum.shape[1], device=features.device)[:, None]
    angle = frequency * turns[:, None, None] * (2.0 * torch.pi / ORIENTATIONS)
    return torch.fft.irfft(spectrum * torch.polar(torch.ones_like(angle), -angle), n=ORIENTATIONS, dim=1)
