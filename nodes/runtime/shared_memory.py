"""Removes the shared memory of dead processes, 70 MB for each node that was killed; without ROS.

The rule is that of `fastdds shm clean`, which not every installation has: a process of Fast DDS holds a lock on the
file `<segment>_el` beside its segment for as long as it lives. `python -m isometry.nodes.runtime.shared_memory` does it
by hand.
"""

from __future__ import annotations

import fcntl
import re
import sys
import time
from pathlib import Path

SEGMENTS = Path("/dev/shm")
LOCK_FILE = re.compile(r"fastdds_[0-9a-f]{16}_el")
NEW_S = 1.0
"""A lock file younger than this may be of a process that is about to lock it."""


def remove_dead_segments(folder: Path = SEGMENTS) -> int:
    """Remove the segments in `folder` whose process is dead; returns the bytes that this gave back.

    What belongs to a living process, or to another user, stays.
    """
    given_back = 0
    for lock_file in sorted(folder.glob("fastdds_*_el")):
        if LOCK_FILE.fullmatch(lock_file.name):
            given_back += _remove_if_dead(lock_file)
    return given_back


def _remove_if_dead(lock_file: Path) -> int:
    segment = lock_file.with_name(lock_file.name.removesuffix("_el"))
    try:
        if time.time() - lock_file.stat().st_mtime < NEW_S:
            return 0
        with lock_file.open("ab") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = segment.stat().st_size if segment.exists() else 0
            segment.unlink(missing_ok=True)
            lock_file.unlink(missing_ok=True)
            return size
    except OSError:  # locked by its process, of another user, or removed meanwhile
        return 0


if __name__ == "__main__":
    print(f"{remove_dead_segments() / 1e6:.0f} MB of dead processes given back", file=sys.stderr)
