"""Adaptive polyphase anchoring: a grid of patches or windows that is laid where the content says, not where it starts.

The pixels of an image whose row and column are (i, j) modulo the stride are one of its polyphase components. A shift of
the image permutes the components, so that the grid which starts at the one of the largest norm moves with the image.
Where two norms are equal the first counts, and the grid may be another one after a shift.
"""

from __future__ import annotations

import torch
from torch import Tensor


def anchor_of(features: Tensor, stride: int) -> Tensor:
    """Row and column (N,2), below `stride`, of the largest polyphase component of maps (N,C,H,W).

    Height and width are multiples of `stride`. Norms are summed in double precision: the order of the sum depends on
    the shift.
    """
    height, width = features.shape[2:]
    energy = features.detach().square().sum(dim=1).double()
    cells = energy.reshape(-1, height // stride, stride, width // stride, stride)
    largest = cells.sum(dim=(1, 3)).flatten(1).argmax(dim=1)
    return torch.stack([largest // stride, largest % stride], dim=1)


def rolled(features: Tensor, shift: Tensor) -> Tensor:
    """Maps (N,C,H,W) on the torus, each moved down and to the right by its own shift (N,2), less than its size."""
    batch, channels, height, width = features.shape
    rows = _sources(height, shift[:, :1])
    columns = _sources(width, shift[:, 1:])
    if batch == 1:  # one index for the whole map, which is much faster
        return features.index_select(2, rows[0]).index_select(3, columns[0])
    moved = features.gather(2, rows[:, None, :, None].expand(-1, channels, -1, width))
    return moved.gather(3, columns[:, None, None, :].expand(-1, channels, height, -1))


def wrapped(features: Tensor, margin: int) -> Tensor:
    """Maps (N,C,H,W) with a margin on all sides that continues them on the torus."""
    tall = torch.cat([features[:, :, -margin:], features, features[:, :, :margin]], dim=2)
    return torch.cat([tall[..., -margin:], tall, tall[..., :margin]], dim=3)


def _sources(length: int, shift: Tensor) -> Tensor:
    """Where the cells (N,length) of a circle come from that is moved by (N,1)."""
    before = torch.arange(length, device=shift.device) - shift
    before = torch.where(before < 0, before + length, before)
    return torch.where(before >= length, before - length, before)
