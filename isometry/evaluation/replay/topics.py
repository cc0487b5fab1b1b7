"""The choice of a bag's topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from isometry.datasets.errors import DatasetError


def only_topic(bag: Path, types: Mapping[str, str], what: str, found: Sequence[str], named: str) -> str:
    """The topic that the user named, or the only one of those found. `types` are those of all topics of the bag."""
    if named:
        if named not in types:
            raise DatasetError(f"{bag}: no topic {named} in it ({what}: {', '.join(found) or 'none'})")
        return named
    if len(found) != 1:
        raise DatasetError(f"{bag}: {len(found)} topics of {what} where one is needed ({', '.join(found) or '-'})")
    return found[0]
