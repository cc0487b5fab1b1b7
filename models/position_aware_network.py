"""The "equivariant" network of registration: features of a cloud's points that turn with the cloud.

After PARE-Net (Yao et al., PARE-Net: Position-Aware Rotation-Equivariant Networks for Robust Point Cloud Registration,
2024): position-aware equivariant convolutions over a pyramid of voxels; each fine point has an invariant descriptor and
an equivariant feature, from which every single match proposes a whole pose. Each cloud is encoded by itself, so that a
map's features can be kept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isometry.models.layers.so3.position_aware_convolution import PositionAwareConvolution, SurfaceEmbedding
from isometry.models.layers.so3.vector_features import SMALL, PointBlock
from isometry.models.point_pyramid import PointPyramid

WIDTHS = ((32, 12), (64, 20), (96, 24))  # scalars and vectors at the fine, the middle and the coarse level
DESCRIPTOR = 32
COARSE_DESCRIPTOR = 64
FRAME = 8  # vectors of a point's equivariant feature


class PositionAwareNetwork(nn.Module):
    """Encodes a pyramid of points; each cloud by itself."""

    def __init__(self) -> None:
        super().__init__()
        (s1, v1), (s2, v2), (s3, v3) = WIDTHS
        self.embedding = SurfaceEmbedding(s1, v1, radius=4.0)
        self.fine = PositionAwareConvolution(s1, v1, s1, v1, radius=6.0, gathered=(12, 4))
        self.to_middle = PositionAwareConvolution(s1, v1, s2, v2, radius=8.0)
        self.middle = PositionAwareConvolution(s2, v2, s2, v2, radius=12.0)
        self.to_coarse = PositionAwareConvolution(s2, v2, s3, v3, radius=16.0)
        self.coarse = PositionAwareConvolution(s3, v3, s3, v3, radius=24.0)
        self.coarsest = PositionAwareConvolution(s3, v3, s3, v3, radius=24.0)
        self.back_to_middle = PointBlock(s2 + s3, v2 + v3, s2, v2)
        self.back_to_fine = PointBlock(s1 + s2, v1 + v2, 2 * s1, v1)
        self.descriptor = nn.Sequential(nn.SiLU(), nn.Linear(2 * s1, DESCRIPTOR))
        self.frame = nn.Linear(v1, FRAME, bias=False)
        self.coarse_descriptor = nn.Sequential(nn.SiLU(), nn.Linear(s3, COARSE_DESCRIPTOR))

    def forward(self, pyramid: PointPyramid) -> tuple[Tensor, Tensor, Tensor]:
        """Descriptors (F,32) and coarse descriptors (C,64), of unit norm, and frames (F,8,3)."""
        p = PointPyramid(*pyramid)  # the exporter passes a plain tuple
        s1, v1 = self.embedding(p.points, p.normals, p.sided, p.fine, p.around_fine)
        s1, v1 = self.fine(s1, v1, p.fine, p.fine, p.fine_to_fine)
        s2, v2 = self.to_middle(s1, v1, p.fine, p.middle, p.fine_to_middle)
        s2, v2 = self.middle(s2, v2, p.middle, p.middle, p.middle_to_middle)
        s3, v3 = self.to_coarse(s2, v2, p.middle, p.coarse, p.middle_to_coarse)
        s3, v3 = self.coarse(s3, v3, p.coarse, p.coarse, p.coarse_to_coarse)
        s3, v3 = self.coarsest(s3, v3, p.coarse, p.coarse, p.coarse_to_coarse)
        s2, v2 = self.back_to_middle(
            torch.cat([s2, s3[p.coarse_above]], dim=1), torch.cat([v2, v3[p.coarse_above]], dim=2)
        )
        s1, v1 = self.back_to_fine(
            torch.cat([s1, s2[p.middle_above]], dim=1), torch.cat([v1, v2[p.middle_above]], dim=2)
        )
        frame = self.frame(v1)
        power = frame.square().sum(dim=(1, 2), keepdim=True)
        frame = (frame * (power + SMALL).rsqrt()).transpose(1, 2)
        return (
            nn.functional.normalize(self.descriptor(s1), dim=1),
            nn.functional.normalize(self.coarse_descriptor(s3), dim=1),
            frame,
        )
