"""What the flow-equivariant memory holds of one scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.tracking.memory.flow_cells import OccupiedCells, Rows


@dataclass(frozen=True)
class FlowStep:
    """K occupied cells, each with a probability of every flow: V velocities of whole cells a step."""

    stamp_ns: int
    cells: OccupiedCells
    state: NDArray[np.float32]  # (C,K,V) of the network
    step_s: float  # since the scan that it went on from; NaN: there was none
    probability: NDArray[np.float32]  # (K,V+1) of each flow; the last one: none of them, or not known
    source: Rows  # (K,V) row, among the M cells of that scan, that a cell comes from by each flow; M: no occupied cell
    before: OccupiedCells | None  # those M cells; None: there was no such scan

    @classmethod
    def without_past(cls, stamp_ns: int, cells: OccupiedCells, channels: int, flows: int) -> FlowStep:
        """The step of a scan without an earlier one: no velocity is known."""
        probability = np.zeros((len(cells), flows + 1), np.float32)
        probability[:, -1] = 1.0
        state = np.zeros((channels, len(cells), flows), np.float32)
        return cls(stamp_ns, cells, state, np.nan, probability, np.zeros((len(cells), flows), np.int64), None)

    def known(self, rows: Rows | slice = slice(None)) -> Array:
        """Probability (R,) that cells `rows` (R,) move by any of the flows."""
        return 1.0 - self.probability[rows, -1].astype(np.float64)
