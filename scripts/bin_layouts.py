"""Count the layouts that are told from the values of `.bin` files: python scripts/bin_layouts.py FOLDER..."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from isometry.datasets.point_clouds.bin_layouts import layout_of


def main(folders: list[str]) -> int:
    """Print how many files have each layout; 1 where there are none."""
    paths = [path for folder in folders for path in sorted(Path(folder).rglob("*.bin"))]
    counts = Counter(str(layout_of(path.read_bytes())) for path in paths)
    for layout, count in counts.most_common():
        print(f"{count:6d}  {layout}")
    return 0 if paths else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
