"""Position-aware rotation-equivariant convolution over neighbours that were found outside the graph.

After PARE-Net (Yao et al., 2024): each neighbour is weighted by a few learned kernels of its position, seen in
rotation-invariant coordinates: its distance and its projections on directions that turn with the surroundings. Here the
kernels also carry the neighbour's direction, so that scalars give vectors (Thomas et al., Tensor field networks, 2018).

Neighbours are an index array (N,K), nearest first; neighbours beyond the radius have weight 0, so that no mask is
needed. Positions are in units of the cloud's resolution. What belongs to an edge is laid out with the edges last, which
runs several times faster than with them first.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isometry.models.layers.so3.vector_features import SMALL, PointBlock


def offsets_to(points: Tensor, centres: Tensor, neighbours: Tensor, radius: float) -> Tensor:
    """Offsets (3,N,K) of the neighbours (N,K) among points (P,3) from their centres (N,3), in units of the radius."""
    return (gather(points.T / radius, neighbours) - centres.T[:, :, None] / radius).contiguous()


def gather(rows: Tensor, neighbours: Tensor) -> Tensor:
    """Columns of rows (C,P) at the neighbours (N,K): (C,N,K)."""
    return rows.index_select(1, neighbours.flatten()).unflatten(1, neighbours.shape)


def window(squared_distance: Tensor) -> Tensor:
    """Weights (N,K), at most 1 in sum, of neighbours at squared distances (N,K) in units of the radius."""
    weights = torch.relu(1.0 - squared_distance)
    return weights / (weights.sum(dim=1, keepdim=True) + 1e-3)


class Kernels(nn.Module):
    """Learned kernels (M,N,K) of invariant coordinates, a tensor (N,K) each."""

    def __init__(self, coordinates: int, kernels: int, hidden: int = 16) -> None:
        super().__init__()
        self.inner = nn.Linear(coordinates, hidden)
        self.outer = nn.Linear(hidden, kernels, bias=False)

    def forward(self, coordinates: list[Tensor], weights: Tensor) -> Tensor:
        """Kernels, each multiplied by the weights (N,K)."""
        rows = torch.stack([*coordinates, torch.ones_like(weights)]).flatten(1)
        inner = torch.cat([self.inner.weight, self.inner.bias[:, None]], dim=1)  # the bias as a row: one product
        kernels = self.outer.weight @ torch.relu(inner @ rows)
        return kernels.unflatten(1, weights.shape) * weights


class PositionAwareConvolution(nn.Module):
    """Gathers scalars (S) and vectors (V) from the neighbours of each of N points, and mixes them (`PointBlock`)."""

    def __init__(
        self,
        scalars: int,
        vectors: int,
        scalars_out: int,
        vectors_out: int,
        radius: float,
        kernels: int = 4,
        gathered: tuple[int, int] = (16, 8),
    ) -> None:
        """`gathered`: how many scalars and vectors each neighbour contributes."""
        super().__init__()
        self.radius, self.kernels, (self.s, self.v) = radius, kernels, gathered
        self.before_scalars = nn.Linear(scalars, self.s)
        self.before_vectors = nn.Linear(vectors, self.v, bias=False)
        self.directions = nn.Linear(vectors, 3, bias=False)
        self.position = Kernels(4, kernels)
        self.block = PointBlock(
            scalars + kernels * self.s, vectors + kernels * (self.s + self.v), scalars_out, vectors_out
        )

    def forward(
        self, scalars: Tensor, vectors: Tensor, points: Tensor, centres: Tensor, neighbours: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Features (P,S), (P,3,V) of points (P,3) to features of centres (N,3) with neighbours (N,K)."""
        own_scalars, own_vectors = scalars[neighbours[:, 0]], vectors[neighbours[:, 0]]
        offsets = offsets_to(points, centres, neighbours, self.radius)
        squared = offsets.square().sum(dim=0)
        directions = self.directions(own_vectors)
        directions = directions * (directions.square().sum(dim=1, keepdim=True) + SMALL).rsqrt()
        dx, dy, dz = offsets.unbind()
        seen = [(squared + 1e-6).sqrt()]
        for k in range(3):
            x, y, z = directions[:, :, k, None].unbind(dim=1)
            seen.append(dx * x + dy * y + dz * z)
        kernels = self.position(seen, window(squared))  # (M,N,K)
        # each kernel, and each kernel times the neighbour's direction: (N, 4 * M, K)
        weights = torch.cat([kernels, kernels * dx, kernels * dy, kernels * dz]).transpose(0, 1).contiguous()
        flat = neighbours.flatten()
        sent_scalars = self.before_scalars(scalars).index_select(0, flat).unflatten(0, neighbours.shape)
        sent_vectors = self.before_vectors(vectors).flatten(1).index_select(0, flat).unflatten(0, neighbours.shape)
        from_scalars = weights @ sent_scalars  # (N, 4 * M, S)
        from_vectors = kernels.transpose(0, 1).contiguous() @ sent_vectors  # (N, M, 3 * V)
        m = self.kernels
        directed = from_scalars[:, m:].unflatten(1, (3, m)).flatten(2)  # (N, 3, M * S)
        rotating = from_vectors.unflatten(2, (3, self.v)).transpose(1, 2).flatten(2)  # (N, 3, M * V)
        return self.block(
            torch.cat([own_scalars, from_scalars[:, :m].flatten(1)], dim=1),
            torch.cat([own_vectors, directed, rotating], dim=2),
        )


class SurfaceEmbedding(nn.Module):
    """First features of centres (N,3) from the raw points and normals around them.

    `sided` is 1 where the normals point to where the sensor stood and 0 where their sign means nothing; with 0 the
    features do not depend on the sign.
    """

    def __init__(self, scalars_out: int, vectors_out: int, radius: float, kernels: int = 8) -> None:
        super().__init__()
        self.radius, self.kernels = radius, kernels
        self.position = Kernels(7, kernels)
        self.block = PointBlock(2 * kernels, 3 * kernels + 1, scalars_out, vectors_out)

    def forward(
        self, points: Tensor, normals: Tensor, sided: Tensor, centres: Tensor, neighbours: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Points, normals (P,3), sided (1,), centres (N,3), neighbours (N,K) to (N,scalars_out), (N,3,vectors_out)."""
        offsets = offsets_to(points, centres, neighbours, self.radius)
        here, there = normals[neighbours[:, 0]], gather(normals.T, neighbours)
        squared = offsets.square().sum(dim=0)
        pairs = pair_features(offsets, here, there, sided)
        kernels = self.position(pairs, window(squared)).transpose(0, 1).contiguous()
        height = (there * offsets).sum(dim=0)
        one = torch.ones_like(height)[None]
        contributions = torch.cat([one, height.abs()[None], offsets, height * there, sided * there]).permute(1, 2, 0)
        gathered = kernels @ contributions.contiguous()  # (N,M,11)
        vectors = gathered[:, :, 2:].unflatten(2, (3, 3)).permute(0, 3, 1, 2).flatten(2)
        return self.block(gathered[:, :, :2].flatten(1), torch.cat([vectors, (sided * here)[:, :, None]], dim=2))


def pair_features(offsets: Tensor, here: Tensor, there: Tensor, sided: Tensor) -> list[Tensor]:
    """Point pair features, seven tensors (N,K), of centres with normals (N,3) and neighbours: offsets, normals (3,N,K).

    Distance, then the heights of each point above the other's plane and the cosine between the normals (Drost et al.,
    2010, with heights in place of angles, which are noise for near points): absolute, and signed times `sided`.
    """
    x, y, z = here[:, :, None].unbind(dim=1)
    above_here = offsets[0] * x + offsets[1] * y + offsets[2] * z
    above_there = (offsets * there).sum(dim=0)
    cosine = there[0] * x + there[1] * y + there[2] * z
    signed = [above_here, above_there, cosine]
    distance = (offsets.square().sum(dim=0) + 1e-6).sqrt()
    return [distance, *[value.abs() for value in signed], *[value * sided for value in signed]]
