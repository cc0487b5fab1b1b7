"""Circular harmonics on rings: filters whose rotations have a closed form.

Source: Weiler and Cesa, General E(2)-Equivariant Steerable CNNs (2019), section 2.4. Sampled on the pixel grid they
turn exactly by 90 degrees; by 45 degrees as exactly as the grid allows, because each ring is band-limited.
"""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array


def rotated_basis(kernel_size: int, orientations: int, ring_width: float = 0.6) -> Array:
    """Basis filters at every orientation: (orientations, B, kernel_size, kernel_size), each of unit norm.

    Filter b at orientation g is filter b at orientation 0 turned by g * 360 / orientations degrees counter-clockwise,
    where row is x and column is y (counter-clockwise takes +row to +column).
    """
    half = kernel_size // 2
    x, y = np.meshgrid(np.arange(-half, half + 1.0), np.arange(-half, half + 1.0), indexing="ij")
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    filters = []
    for ring in range(half + 1):
        profile = np.exp(-((radius - ring) ** 2) / (2.0 * ring_width**2))
        highest = min(2 * ring, orientations // 2)  # a ring of radius r has about 2 pi r pixels; above is aliased
        for frequency in range(highest + 1):
            if frequency == 1:
                profile = np.where(radius > 0.0, profile, 0.0)  # the centre has no direction
            norm = np.linalg.norm(profile * np.cos(frequency * angle))
            for phase in (0.0, np.pi / 2.0) if frequency else (0.0,):
                turned = [
                    profile * np.cos(frequency * (angle - 2.0 * np.pi * g / orientations) - phase) / norm
                    for g in range(orientations)
                ]
                filters.append(np.stack(turned))
    return np.stack(filters, axis=1)
