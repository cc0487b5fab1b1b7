"""The error of every reader, and the reading of files with that error."""

from __future__ import annotations

from pathlib import Path


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
