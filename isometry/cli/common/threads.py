"""How many threads a measurement has."""

from __future__ import annotations

import os


def use_one_thread() -> None:
    """Times are of one thread. Libraries read it when they are loaded, which must be after this."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
