"""Nearest descriptors among many, extended one by one and without training, by faiss."""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

COARSE_DIMENSIONS = 128  # leading dimensions that the first scan over all descriptors looks at
ALWAYS_RESCORED = 5000  # so many descriptors are compared over all dimensions, whatever their order
RESCORED = 400  # fewest candidates of the first scan that are compared over all dimensions
RESCORED_PER_RESULT = 16


class DescriptorIndex:
    """Scans the leading dimensions of all descriptors, then compares the best candidates over all dimensions.

    Descriptors are expected in the order of a principal component analysis: when the leading dimensions hold most of
    the variance the result is that of brute force. float16 throughout.
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
        """Append descriptors (n,D); they are numbered on from the last one."""
        self._index.add(np.ascontiguousarray(descriptors, dtype=np.float32))

    def search(
        self, descriptor: NDArray[np.floating], count: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Numbers (k,) and L2 distances (k,) of the k <= `count` nearest to `descriptor` (D,), nearest first.

        `allowed` (n,) says which of the n descriptors may be returned.
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
