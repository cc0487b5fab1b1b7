"""The place memory: keyframes, searched by descriptor, with poses that the pose graph corrects, kept in one file."""

from __future__ import annotations

import threading
from array import array
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.place_recognition.descriptor_index import DescriptorIndex
from isometry.place_recognition.memory_file import (
    PAGE_BYTES,
    MemoryFile,
    MemoryFileError,
    write_memory_file,
)
from isometry.place_recognition.memory_rows import FORMAT_VERSION, StoredKeyframe
from isometry.place_recognition.stored_observation import StoredObservation, decode, encode, stored_bytes
from isometry.place_recognition.types import Keyframe, Observation

__all__ = ["MemoryFileError", "PlaceMemory"]

_DECODED_AT_MOST = 256  # observations kept decoded


class PlaceMemory:
    """Keyframes of one model, numbered from 0. Observations are kept compressed and decoded on access.

    One thread may add while others read. Observations are rounded as in the file (`stored_observation.encode`), also
    before they are saved. When the attached file cannot be written (a full disk), `problem` says why; the memory goes
    on, the file keeps its last complete state, and every further change tries to write all that it lacks.
    """

    def __init__(self, model_sha256: str, descriptor_size: int) -> None:
        """`model_sha256` identifies the model of the descriptors, which have `descriptor_size` dimensions."""
        self.model_sha256, self.descriptor_size = model_sha256, descriptor_size
        self._lock = threading.RLock()
        self._file: MemoryFile | None = None
        self._written = 0  # keyframes in the attached file
        self._poses_written = True
        self.problem = ""  # why changes are missing in the attached file
        self._remove_all()

    def _remove_all(self) -> None:
        self._index = DescriptorIndex(self.descriptor_size)
        self._stored: list[StoredObservation] = []
        self._stamps_ns = array("q")
        self._poses = array("d")
        self._observation = lru_cache(_DECODED_AT_MOST)(lambda identifier: decode(self._stored[identifier]))

    def __len__(self) -> int:
        return len(self._stored)

    @property
    def stamps_ns(self) -> NDArray[np.int64]:
        """Stamps (N,), a copy."""
        with self._lock:
            return np.array(self._stamps_ns, dtype=np.int64)

    @property
    def poses(self) -> Array:
        """T_map_base (N,4,4) of all keyframes, a copy."""
        with self._lock:
            return np.array(self._poses, dtype=np.float64).reshape(-1, 4, 4)

    @property
    def bytes_per_keyframe(self) -> float:
        """Mean size of a keyframe in the file, in bytes; 0 for an empty memory."""
        with self._lock:
            rows = [stored_bytes(stored) + 16 * 8 + 8 for stored in self._stored]
        usable = PAGE_BYTES - 4  # the rest of a page points to the next one
        return float(np.mean([-(-row // usable) * PAGE_BYTES for row in rows])) if rows else 0.0

    def add(self, observation: Observation, T_map_base: Array, stamp_ns: int) -> int:
        """Add a keyframe; returns its number. Raises ValueError for a descriptor of another size."""
        if observation.descriptor.shape != (self.descriptor_size,):
            raise ValueError(f"descriptor of shape {observation.descriptor.shape}, expected ({self.descriptor_size},)")
        row = StoredKeyframe(int(stamp_ns), _pose_bytes(T_map_base), encode(observation))
        with self._lock:
            self._extend([row])
            self._write_changes()
            return len(self) - 1

    def _extend(self, rows: list[StoredKeyframe]) -> None:
        if not rows:
            return
        descriptors = np.stack([np.frombuffer(row.observation.descriptor, "<f2") for row in rows])
        self._index.add(descriptors)
        for row in rows:
            self._stored.append(row.observation)
            self._stamps_ns.append(row.stamp_ns)
            self._poses.frombytes(row.T_map_base)

    def search(
        self, descriptor: NDArray[np.floating], count: int, newest_stamp_ns: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The `count` nearest keyframes to `descriptor` (D,): numbers (k,) and L2 distances (k,), best first.

        Only keyframes with a stamp of at most `newest_stamp_ns` count; k is smaller when there are fewer.
        Raises ValueError for a descriptor of another size.
        """
        if descriptor.shape != (self.descriptor_size,):
            raise ValueError(f"descriptor of shape {descriptor.shape}, expected ({self.descriptor_size},)")
        with self._lock:
            allowed = None
            if newest_stamp_ns is not None:
                allowed = np.frombuffer(self._stamps_ns, dtype=np.int64) <= newest_stamp_ns
            return self._index.search(descriptor, count, allowed)

    def keyframe(self, identifier: int) -> Keyframe:
        """The keyframe with a number. Raises IndexError where there is none."""
        with self._lock:
            if not 0 <= identifier < len(self):
                raise IndexError(f"keyframe {identifier} of {len(self)}")
            T_map_base = np.array(self._poses[16 * identifier : 16 * identifier + 16]).reshape(4, 4)
            observation = self._observation(int(identifier))
            return Keyframe(int(identifier), self._stamps_ns[identifier], T_map_base, observation)

    def set_poses(self, T_map_base: Array) -> None:
        """Replace the poses (N,4,4) of all keyframes. Raises ValueError for another number of poses."""
        with self._lock:
            if T_map_base.shape != (len(self), 4, 4):
                raise ValueError(f"poses of shape {T_map_base.shape}, expected ({len(self)}, 4, 4)")
            self._poses = array("d", np.asarray(T_map_base, dtype=np.float64).tobytes())
            self._poses_written = False
            self._write_changes()

    def clear(self) -> None:
        """Remove all keyframes, in the attached file too."""
        with self._lock:
            if self._file is not None:
                self._file.clear()
                self._written = 0
            self._remove_all()

    def _rows(self, first: int = 0) -> list[StoredKeyframe]:
        return [
            StoredKeyframe(self._stamps_ns[k], self._poses[16 * k : 16 * k + 16].tobytes(), self._stored[k])
            for k in range(first, len(self))
        ]

    def _write_changes(self) -> None:
        """Write what is missing in the attached file, keyframe by keyframe; `problem` tells whether something is."""
        if self._file is None:
            return
        try:
            for row in self._rows(self._written):
                self._file.append(self._written, [row])
                self._written += 1
            if not self._poses_written:
                self._file.set_poses(self.poses)
                self._poses_written = True
            self.problem = ""
        except MemoryFileError as error:
            lacks = (
                f"keyframes from {self._written} on" if self._written < len(self) else "the last correction of poses"
            )
            self.problem = f"{error}; it lacks {lacks}"

    def save(self, path: Path) -> None:
        """Write everything to `path`; an existing file is replaced after all is written. Raises MemoryFileError."""
        with self._lock:
            if self._file is not None and self._file.path.resolve() == Path(path).resolve():
                self._write_changes()
                if self.problem:
                    raise MemoryFileError(self.problem)
                self._file.flush()
                return
            rows = self._rows()
        write_memory_file(Path(path), self.model_sha256, self.descriptor_size, rows)

    @classmethod
    def load(cls, path: Path, model_sha256: str, descriptor_size: int) -> PlaceMemory:
        """Read a saved or attached file. Raises MemoryFileError with the file and what is wrong with it."""
        memory = cls(model_sha256, descriptor_size)
        file = MemoryFile(Path(path), model_sha256, descriptor_size)
        try:
            memory._extend(list(file.keyframes()))
        finally:
            file.close()
        return memory

    def attach(self, path: Path) -> None:
        """Write every further change to `path` at once; a kill leaves the file as after the last complete change.

        An existing file is extended: it must hold the first keyframes of this memory, for example because the memory
        was loaded from it; a file of an older version is written again. Raises MemoryFileError, also for a file with
        other keyframes.
        """
        path = Path(path)
        with self._lock:
            self.detach()
            if not path.exists():
                self.save(path)
            file = MemoryFile(path, self.model_sha256, self.descriptor_size)
            try:
                known = file.stamps_ns()
                if known != self._stamps_ns[: len(known)].tolist():
                    raise MemoryFileError(f"{path}: holds other keyframes: load it first, or choose another file")
                if file.version < FORMAT_VERSION:
                    file.close()
                    write_memory_file(path, self.model_sha256, self.descriptor_size, self._rows())
                    file = MemoryFile(path, self.model_sha256, self.descriptor_size)
                    known = file.stamps_ns()
                file.follow()
                file.append(len(known), self._rows()[len(known) :])
                file.set_poses(self.poses)
            except BaseException:
                file.close()
                raise
            self._file, self._written, self._poses_written, self.problem = file, len(self), True, ""

    def detach(self) -> None:
        """Stop writing to the attached file, which is left complete and without side files.

        Raises MemoryFileError when that is not possible; with its side files it then has its last complete state.
        """
        with self._lock:
            if self._file is None:
                return
            self._write_changes()
            file, self._file = self._file, None
            try:
                file.close()
            except MemoryFileError as error:
                raise MemoryFileError(self.problem or f"{error}; keep its side files with it") from error
            if self.problem:
                raise MemoryFileError(self.problem)


def _pose_bytes(T_map_base: Array) -> bytes:
    if T_map_base.shape != (4, 4):
        raise ValueError(f"pose of shape {T_map_base.shape}, expected (4, 4)")
    return np.asarray(T_map_base, dtype="<f8").tobytes()
