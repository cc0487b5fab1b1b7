"""The array types of the whole package. Shapes and units are stated where an array is used."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]  # positions in another array
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
AnyArray = NDArray[Any]
