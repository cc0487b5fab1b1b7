"""Files of trained networks and checkpoints: written whole or not at all, and read with one clear error."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn


def write_trained(path: Path, network: nn.Module, recipe: Mapping[str, Any], **description: Any) -> None:
    """Write a trained network for the export, with its recipe and what else describes it."""
    write_whole({**description, "network": network.state_dict(), "recipe": dict(recipe)}, path)


def write_whole(content: Mapping[str, Any], path: Path) -> None:
    """Write tensors and what describes them, the file whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    torch.save(dict(content), temporary)
    temporary.replace(path)


@contextmanager
def reading(path: Path, expected: str) -> Iterator[dict[str, Any]]:
    """The content that `write_whole` wrote.

    Raises ValueError naming a file that does not exist, or, "not `expected`", one that cannot be read or does not fit
    what the block does with it.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        yield torch.load(path, weights_only=True)
    except (OSError, EOFError, LookupError, TypeError, RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path}: not {expected}, or one of another version") from error
