"""Features of points: invariant scalars (N, S) and equivariant vectors (N, 3, V).

A rotation R acts on the second axis of the vectors; reflections are not respected, so that mirrored places differ.
After Deng et al., Vector Neurons (2021), with the gates of Jing et al., Geometric Vector Perceptrons (2021).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SMALL = 1e-2  # squared length below which a vector is taken for noise and not scaled up to unit length


def lengths(vectors: Tensor) -> Tensor:
    """Lengths (..., V) of vectors (..., 3, V); smooth at zero."""
    return (vectors.square().sum(dim=-2) + 1e-4).sqrt()


def cross(first: Tensor, second: Tensor) -> Tensor:
    """Cross products of vectors (..., 3, V), of plain products only."""
    ax, ay, az = first.unbind(dim=-2)
    bx, by, bz = second.unbind(dim=-2)
    return torch.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], dim=-2)


class VectorNormalization(nn.Module):
    """Divides all vectors of a point by the root mean square of their lengths; one learned factor a channel."""

    def __init__(self, vectors: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(vectors))

    def forward(self, vectors: Tensor) -> Tensor:
        """(N,3,V) to the same shape."""
        power = vectors.square().sum(dim=1, keepdim=True).mean(dim=2, keepdim=True)
        return vectors * self.weight * (power + SMALL).rsqrt()


class PointBlock(nn.Module):
    """Mixes the scalars and vectors of each point separately.

    Scalars depend on the lengths of vectors, vectors on scalars through gates and on each other through cross products.
    """

    def __init__(self, scalars: int, vectors: int, scalars_out: int, vectors_out: int) -> None:
        super().__init__()
        self.mix = nn.Linear(vectors, 2 * vectors_out, bias=False)
        self.turn = nn.Linear(vectors_out, vectors_out, bias=False)
        self.inner = nn.Linear(scalars + 2 * vectors_out, scalars_out)
        self.norm = nn.LayerNorm(scalars_out)
        self.outer = nn.Linear(scalars_out, scalars_out)
        self.gates = nn.Linear(scalars_out, vectors_out)
        self.vector_norm = VectorNormalization(vectors_out)

    def forward(self, scalars: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(N,S), (N,3,V) to (N,scalars_out), (N,3,vectors_out)."""
        mixed = self.mix(vectors)
        hidden = nn.functional.silu(self.norm(self.inner(torch.cat([scalars, lengths(mixed)], dim=1))))
        first, second = mixed.chunk(2, dim=2)
        turned = first + self.turn(cross(first, second))
        return self.outer(hidden), self.vector_norm(turned) * torch.sigmoid(self.gates(hidden))[:, None]
