"""Search for the nearest of many descriptors by faiss; descriptors are added one by one, without training."""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

COARSE_DIMENSIONS = 128  # leading dimensions that the first pass compares
ALWAYS_RESCORED = 5000  # an index of at most this size compares all dimensions of all descriptors
RESCORED = 400  # fewest candidates of the first pass that are compared over all dimensions
RESCORED_PER_RESULT = 16


class DescriptorIndex:
    """Compares the leading dimensions of all descriptors, then all dimensions of the best candidates, in float16.

    The dimensions must be ordered by variance, as after a principal component analysis. Where the leading ones hold
    most of it, the result is that of brute force.
    """

    def __init__(self, size: int) -> None:
        """`size` is D, the number of dimensions of a descriptor."""
        self.size = size
        coarse_size = min(size, COARSE_DIMENSIONS)
        coarse = faiss.IndexPreTransform(
            faiss.RemapDimensionsTransform(size, coarse_size, False),
            faiss.IndexScalarQuantizer(coarse_size, faiss.ScalarQuantizer.QT_fp16),
        )
        self._index = faiss.IndexRefine(coarse, faiss.IndexScalarQuantizer(size, faiss.ScalarQuantizer.QT_fp16))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, descriptors: NDArray[np.floating]) -> None:
        """Append descriptors (n,D); their numbers continue those of the index."""
        self._index.add(np.ascontiguousarray(descriptors, dtype=np.float32))

    def search(
        self, descriptor: NDArray[np.floating], count: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Numbers (k,) and L2 distances (k,) of the k <= `count` nearest to `descriptor` (D,), nearest first.

        `allowed` (n,) marks those of the n descriptors that may be returned.
        """
        count = min(count, len(self))
        if count <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        rescored = len(self) if len(self) <= ALWAYS_RESCORED else max(RESCORED, RESCORED_PER_RESULT * count)
        selector = None if allowed is None else faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        parameters = faiss.IndexRefineSearchParameters(
            k_factor=rescored / count,
            base_index_params=faiss.SearchParametersPreTransform(index_params=faiss.SearchParameters(sel=selector)),
        )
        query = np.ascontiguousarray(descriptor, dtype=np.float32)[None]
        squared, numbers = self._index.search(query, count, params=parameters)
        found = numbers[0] >= 0
        return numbers[0][found], np.sqrt(np.maximum(squared[0][found], 0.0))
