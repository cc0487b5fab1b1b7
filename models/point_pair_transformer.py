"""The "invariant" network of registration: descriptors of a cloud's points that do not change when the cloud turns.

After RoITr (Yu et al., Rotation-Invariant Transformer for Point Cloud Matching, 2023): an encoder and decoder of local
attention that sees only point pair features, and global attention with a geometric bias among the coarse points. Unlike
the paper's, a cloud never attends to the other cloud, so that a map's features can be kept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isometry.models.layers.so3.point_pair_attention import (
    GlobalAttention,
    GlobalPairs,
    Mixer,
    PairSurface,
    PointPairAttention,
)
from isometry.models.point_pyramid import PointPyramid

WIDTHS = (48, 96, 128)  # at the fine, the middle and the coarse level
DESCRIPTOR = 32
COARSE_DESCRIPTOR = 64
GLOBAL_LAYERS = 2
HEADS = 4


class PointPairTransformer(nn.Module):
    """Encodes a pyramid of points; each cloud by itself."""

    def __init__(self) -> None:
        super().__init__()
        s1, s2, s3 = WIDTHS
        self.surface = PairSurface(s1, radius=4.0)
        self.fine = PointPairAttention(s1, s1, radius=6.0)
        self.to_middle = PointPairAttention(s1, s2, radius=8.0)
        self.middle = PointPairAttention(s2, s2, radius=12.0)
        self.to_coarse = PointPairAttention(s2, s3, radius=16.0)
        self.coarse = PointPairAttention(s3, s3, radius=24.0)
        self.global_pairs = GlobalPairs(GLOBAL_LAYERS * HEADS, radius=32.0)
        self.global_layers = nn.ModuleList(GlobalAttention(s3, HEADS) for _ in range(GLOBAL_LAYERS))
        self.back_to_middle = Mixer(s2 + s3, s2)
        self.back_to_fine = Mixer(s1 + s2, 2 * s1)
        self.descriptor = nn.Sequential(nn.SiLU(), nn.Linear(2 * s1, DESCRIPTOR))
        self.coarse_descriptor = nn.Sequential(nn.SiLU(), nn.Linear(s3, COARSE_DESCRIPTOR))

    def forward(self, pyramid: PointPyramid) -> tuple[Tensor, Tensor]:
        """Descriptors (F,32) and coarse descriptors (C,64), of unit norm."""
        p = PointPyramid(*pyramid)  # the exporter passes a plain tuple
        fine_normals = p.normals[p.around_fine[:, 0]]
        middle_normals = fine_normals[p.fine_to_middle[:, 0]]
        coarse_normals = middle_normals[p.middle_to_coarse[:, 0]]
        at_fine, at_middle, at_coarse = (p.fine, fine_normals), (p.middle, middle_normals), (p.coarse, coarse_normals)
        s1 = self.surface(p.points, p.normals, *at_fine, p.sided, p.around_fine)
        s1 = self.fine(s1, *at_fine, *at_fine, p.sided, p.fine_to_fine)
        s2 = self.to_middle(s1, *at_fine, *at_middle, p.sided, p.fine_to_middle)
        s2 = self.middle(s2, *at_middle, *at_middle, p.sided, p.middle_to_middle)
        s3 = self.to_coarse(s2, *at_middle, *at_coarse, p.sided, p.middle_to_coarse)
        s3 = self.coarse(s3, *at_coarse, *at_coarse, p.sided, p.coarse_to_coarse)
        biases = self.global_pairs(p.coarse, coarse_normals, p.sided).chunk(GLOBAL_LAYERS)
        for layer, bias in zip(self.global_layers, biases, strict=True):
            s3 = layer(s3, bias)
        s2 = self.back_to_middle(torch.cat([s2, s3[p.coarse_above]], dim=1), s2)
        s1 = self.back_to_fine(torch.cat([s1, s2[p.middle_above]], dim=1))
        return (
            nn.functional.normalize(self.descriptor(s1), dim=1),
            nn.functional.normalize(self.coarse_descriptor(s3), dim=1),
        )
