"""The file of a place memory: one SQLite database; a kill at any moment leaves its last complete state."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from isometry.arrays import Array
from isometry.inference import ModelMismatchError
from isometry.place_recognition import memory_rows
from isometry.place_recognition.memory_rows import FORMAT_VERSION, DamagedError, StoredKeyframe

APPLICATION = 0x49534F4D  # "ISOM" in SQLite's header
PAGE_BYTES = 1024  # a row of 19 kB wastes half a page on average
_SIDE_FILES = ("-wal", "-shm", "-journal")


class MemoryFileError(ValueError):
    """A file that cannot be read or written as the memory of this model; the message has its name and the reason."""


class OtherModelError(MemoryFileError, ModelMismatchError):
    """A file of another model, whose descriptors are not comparable."""


class MemoryFile:
    """An open memory file. Every method is one transaction: it is complete or has no effect.

    A kill of the process loses nothing of a method that has returned. A loss of power may lose the last few
    transactions, but not the file. A file of version 1, which has no checksums of its poses, is read, not extended.
    """

    def __init__(self, path: Path, model_sha256: str, descriptor_size: int) -> None:
        """Open an existing file. Raises MemoryFileError: not a memory, another version or model, damaged."""
        self.path = path
        self._following = False
        _check_header(path)
        with _named_errors(path):
            # a read-only file is opened too, to be read
            self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, check_same_thread=False)
            try:
                self._check(model_sha256, descriptor_size)
            except BaseException:
                self._connection.close()
                raise

    def _check(self, model_sha256: str, descriptor_size: int) -> None:
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (self.version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION:
            raise MemoryFileError(f"{self.path}: not a place memory but another SQLite database")
        if not 1 <= self.version <= FORMAT_VERSION:
            raise MemoryFileError(
                f"{self.path}: format version {self.version}, this program reads 1 to {FORMAT_VERSION}"
            )
        (report,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if report != "ok":
            raise DamagedError(report)
        head = memory_rows.read_head(self._connection, self.version)
        if head.model_sha256 != model_sha256:
            raise OtherModelError(
                f"{self.path}: made with another model (sha256 {head.model_sha256[:12]}..., "
                f"this one is {model_sha256[:12]}...): use that model, or map again"
            )
        if head.descriptor_size != descriptor_size:
            raise MemoryFileError(
                f"{self.path}: descriptors of size {head.descriptor_size}, this model's are {descriptor_size}"
            )

    def keyframes(self) -> Iterator[StoredKeyframe]:
        """All keyframes, in the order in which they were added. Raises MemoryFileError for a damaged file."""
        with _named_errors(self.path):
            yield from memory_rows.read_keyframes(self._connection, self.version)

    def stamps_ns(self) -> list[int]:
        """Stamps of all keyframes, in the order in which they were added."""
        with _named_errors(self.path):
            return [stamp_ns for (stamp_ns,) in self._connection.execute("SELECT stamp_ns FROM keyframe ORDER BY id")]

    def follow(self) -> None:
        """Use a write-ahead log in a side file until `close`, which makes many small transactions cheap."""
        with _named_errors(self.path):
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
        self._following = True

    def append(self, first_identifier: int, keyframes: Iterable[StoredKeyframe]) -> None:
        """Add keyframes, numbered from `first_identifier`."""
        with _named_errors(self.path), self._connection:
            memory_rows.insert(self._connection, first_identifier, keyframes)

    def set_poses(self, T_map_base: Array) -> None:
        """Replace the poses (N,4,4) of all keyframes."""
        with _named_errors(self.path), self._connection:
            memory_rows.update_poses(self._connection, T_map_base)

    def clear(self) -> None:
        """Remove all keyframes."""
        with _named_errors(self.path), self._connection:
            memory_rows.clear(self._connection)

    def flush(self) -> None:
        """Write everything into the file itself, so that other programs can copy it."""
        with _named_errors(self.path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file; no side files are left."""
        with _named_errors(self.path), closing(self._connection):
            if self._following:
                self._connection.execute("PRAGMA journal_mode=DELETE")


def write_memory_file(path: Path, model_sha256: str, descriptor_size: int, keyframes: Iterable[StoredKeyframe]) -> None:
    """Write a whole memory under a temporary name, then rename it to `path`. Raises MemoryFileError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with _named_errors(path):
            temporary.unlink(missing_ok=True)
            with closing(sqlite3.connect(temporary)) as connection:
                connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
                connection.execute("PRAGMA journal_mode=OFF")
                connection.execute(f"PRAGMA application_id={APPLICATION}")
                connection.execute(f"PRAGMA user_version={FORMAT_VERSION}")
                connection.executescript(memory_rows.SCHEMA)
                with connection:
                    memory_rows.write_head(connection, model_sha256, descriptor_size)
                    memory_rows.insert(connection, 0, keyframes)
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
            _settle(path)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _settle(path: Path) -> None:
    """Remove the side files of a killed process, which SQLite would otherwise apply to the new file at `path`."""
    side_files = [path.with_name(path.name + ending) for ending in _SIDE_FILES]
    if not any(side_file.exists() for side_file in side_files):
        return
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError:
        pass  # not a database: there are no transactions to complete
    for side_file in side_files:
        side_file.unlink(missing_ok=True)


def _check_header(path: Path) -> None:
    try:
        with open(path, "rb") as file:
            header = file.read(16)
    except OSError as error:
        raise MemoryFileError(f"{path}: {error.strerror}") from error
    if header != b"SQLite format 3\0":
        raise MemoryFileError(f"{path}: not a place memory" + ("" if header else " but an empty file"))


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise MemoryFileError(f"{path}: another process has written to it: {error}") from error
    except DamagedError as error:
        raise MemoryFileError(f"{path}: truncated or damaged: {error}") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the latter in the names of damaged tables
        full = "disk is full" in str(error)
        what = "the disk is full" if full else f"truncated, damaged or not writable: {error}"
        raise MemoryFileError(f"{path}: {what}") from error
    except OSError as error:
        raise MemoryFileError(f"{path}: {error.strerror}") from error
