"""The error of every reader, and the reading of files with that error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray


class DatasetError(ValueError):
    """A file of a data set is missing or cannot be used; the message of one line names the file and the reason."""


def read_bytes(path: Path) -> bytes:
    """Content of a file. Raises DatasetError naming it when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error


def read_text(path: Path) -> str:
    """Text of a file. Raises DatasetError naming it when it cannot be read or is not text."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not a text file") from error


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name a file in the errors of what is done with its content: a ValueError becomes a DatasetError."""
    try:
        yield
    except DatasetError:
        raise
    except (ValueError, OverflowError) as error:
        raise DatasetError(f"{path}: {' '.join(str(error).split())}") from error
    except MemoryError as error:
        raise DatasetError(f"{path}: too large for the memory of this machine") from error


@contextmanager
def reading_arrays(path: Path, expected: str) -> Iterator[Mapping[str, NDArray[Any]]]:
    """The arrays of a NumPy .npz file by name.

    Raises DatasetError naming a file that does not exist, or, "not `expected`", one that cannot be read or does not fit
    what the block does with it.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: no such file")
    try:
        with np.load(path) as arrays:
            yield arrays
    except (OSError, EOFError, LookupError, MemoryError, TypeError, ValueError, BadZipFile) as error:
        raise DatasetError(f"{path}: not {expected}, or one of another version") from error
