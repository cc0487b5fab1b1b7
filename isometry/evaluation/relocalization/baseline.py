"""The trivial baseline of relocalisation: the first place that a scan fits is believed, without a look at others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from isometry.arrays import Array
from isometry.relocalization.map_rivals import Rivals
from isometry.relocalization.places import CloudPlaces
from isometry.relocalization.scan import Scan


class WithoutRivals(CloudPlaces):
    """A map of which it is taken for granted that no two places in it look alike."""

    def rivals(self, scan: Scan, T_map_base: Array, changed_places: int) -> Iterator[Rivals | None]:
        """None."""
        yield Rivals(np.empty((0, 4, 4)), True)
