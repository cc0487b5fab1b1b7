"""The number of threads of a measurement."""

from __future__ import annotations

import os


def use_one_thread() -> None:
    """Limit numerical libraries to one thread. Call it before they are imported, which is when they read the limit."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
