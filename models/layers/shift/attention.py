"""Attention among the cells of a map: within windows that move with the image, or among all of them."""

from __future__ import annotations

from torch import Tensor, nn

from isometry.models.layers.shift.anchoring import anchor_of, rolled
from isometry.models.layers.shift.convolution import TorusConvolution


class AnchoredAttention(nn.Module):
    """A transformer block whose windows are anchored at the largest polyphase component of the map.

    Without a window every cell attends to all. Position comes from a depth-wise convolution (Chu et al., "Conditional
    Positional Encodings for Vision Transformers", 2023) and from nothing else.
    """

    def __init__(self, channels: int, heads: int, window: int | None, expansion: int = 2) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.position = TorusConvolution(channels, channels, 3, groups=channels)
        self.before = nn.LayerNorm(channels)
        self.projections = nn.Linear(channels, 3 * channels)
        self.joined = nn.Linear(channels, channels)
        self.mixing = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, expansion * channels),
            nn.ReLU(),
            nn.Linear(expansion * channels, channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Maps (N,C,H,W); height and width are multiples of the window."""
        features = features + self.position(features)
        if self.window is None:
            return from_tokens(self.attended(to_tokens(features)), *features.shape[2:])
        anchor = anchor_of(features, self.window)
        windows = to_windows(rolled(features, -anchor), self.window)
        height, width = features.shape[2:]
        return rolled(from_windows(self.attended(windows), self.window, height, width), anchor)

    def attended(self, tokens: Tensor) -> Tensor:
        """Tokens (B,T,C), of which those of one row attend to each other."""
        parts = self.projections(self.before(tokens)).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        found = nn.functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.joined(found.transpose(1, 2).flatten(2))
        return tokens + self.mixing(tokens)


def to_tokens(features: Tensor) -> Tensor:
    """Maps (N,C,H,W) as tokens (N,H*W,C)."""
    return features.flatten(2).transpose(1, 2)


def from_tokens(tokens: Tensor, height: int, width: int) -> Tensor:
    """Tokens (N,H*W,C) as maps (N,C,H,W)."""
    return tokens.transpose(1, 2).unflatten(2, (height, width))


def to_windows(features: Tensor, side: int) -> Tensor:
    """Maps (N,C,H,W) as tokens (N*H/s*W/s,s*s,C) of windows of `side` cells a side."""
    batch, channels, height, width = features.shape
    cells = features.reshape(batch, channels, height // side, side, width // side, side)
    return cells.permute(0, 2, 4, 3, 5, 1).reshape(-1, side * side, channels)


def from_windows(tokens: Tensor, side: int, height: int, width: int) -> Tensor:
    """The maps (N,C,H,W) of which `to_windows` made the tokens."""
    cells = tokens.reshape(-1, height // side, width // side, side, side, tokens.shape[-1])
    return cells.permute(0, 5, 1, 3, 2, 4).reshape(-1, tokens.shape[-1], height, width)
