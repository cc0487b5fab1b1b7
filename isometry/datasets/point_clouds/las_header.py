"""The header of LAS and LAZ files (ASPRS, "LAS specification", 1.0 to 1.4), its claims checked against the bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

BEGIN = struct.Struct("<4s20xBB68xHIIBHI")  # signature, version, header size, first point, VLRs, format, record, points
PLACE = struct.Struct("<6d")  # scales and offsets, at byte 131
LARGE = struct.Struct("<QIQ")  # of version 1.4, at byte 235: first EVLR, EVLRs, points
VLR, EVLR = struct.Struct("<2x16sHH32x"), struct.Struct("<2x16sHQ32x")  # user, number, length
HEADER_BYTES = {0: 227, 1: 227, 2: 227, 3: 235, 4: 375}  # by minor version
RECORD_BYTES = (20, 28, 26, 34, 57, 63, 30, 36, 38, 59, 67)  # by point format
COMPRESSED, FORMAT = 0x80, 0x3F  # bits in the byte of the point format
COMPRESSOR = ("laszip encoded", 22204)
POINTWISE = 1  # the compressor of LASzip before version 2, without chunks
CHUNK_HEADER = struct.Struct("<H10xI")  # of the compressor: kind, points in a chunk
ITEMS = struct.Struct("<H")
VARIABLE = 2**32 - 1


@dataclass(frozen=True)
class LasHeader:
    """What is needed of a header."""

    points: int
    first_point: int  # byte at which the points begin
    compressed: bool
    records: dict[tuple[str, int], bytes]  # contents of variable length records, by user and number


def parse_header(content: bytes) -> LasHeader:
    """Raises ValueError that says which claim the bytes of the file cannot hold."""
    if not content.startswith(b"LASF"):
        raise ValueError("not a LAS file")
    if len(content) < HEADER_BYTES[0]:
        raise ValueError("cut off in its header")
    _, major, minor, size, first_point, vlrs, kind, record, points = BEGIN.unpack_from(content)
    if major != 1 or minor not in HEADER_BYTES:
        raise ValueError(f"LAS version {major}.{minor} is not one of 1.0 to 1.4")
    if not HEADER_BYTES[minor] <= size <= first_point or len(content) < first_point:
        raise ValueError(f"cut off, its points begin at byte {first_point} of {len(content)}")
    if kind & FORMAT >= len(RECORD_BYTES) or record < RECORD_BYTES[kind & FORMAT]:
        raise ValueError(f"points of format {kind & FORMAT} with {record} bytes are not in the specification")
    if vlrs * VLR.size > first_point - size:
        raise ValueError(f"it promises {vlrs} variable length records, and has no room for them")
    contents = _records(VLR, content, size, first_point, vlrs)
    if minor == 4:
        first_evlr, evlrs, large = LARGE.unpack_from(content, 235)
        points = large or points
        if evlrs and first_evlr + evlrs * EVLR.size > len(content):
            raise ValueError(f"it promises {evlrs} extended records, and has no room for them")
        contents |= _records(EVLR, content, first_evlr, len(content), evlrs)
    place = np.array(PLACE.unpack_from(content, 131))
    if not np.isfinite(place).all() or not (place[:3] != 0.0).all():
        raise ValueError("its scales and offsets are not finite numbers")
    header = LasHeader(points, first_point, bool(kind & COMPRESSED), contents)
    if header.compressed:
        _check_compressed(header, content, record)
    elif first_point + points * record > len(content):
        there = (len(content) - first_point) // record
        raise ValueError(f"cut off, its header promises {points} points and {there} are there")
    return header


def _records(head: struct.Struct, content: bytes, at: int, end: int, count: int) -> dict[tuple[str, int], bytes]:
    records = {}
    for _ in range(count):
        user, number, length = head.unpack_from(content, at) if at + head.size <= end else (b"", 0, end)
        at += head.size
        if at + length > end:
            raise ValueError("a variable length record runs beyond its place")
        records[user.split(b"\0")[0].decode("ascii", errors="replace"), number] = content[at : at + length]
        at += length
    return records


def _check_compressed(header: LasHeader, content: bytes, record: int) -> None:
    """Check the claims that a decompressor would believe: it would take the memory, or the time, that they ask for."""
    compressor = header.records.get(COMPRESSOR, b"")
    if len(compressor) < 34:
        raise ValueError("it is compressed and does not say how")
    kind, chunk = CHUNK_HEADER.unpack_from(compressor)
    if kind == POINTWISE:
        raise ValueError("compressed by LASzip before version 2, which cannot be read: write it again with a newer one")
    items = [ITEMS.unpack_from(compressor, at)[0] for at in range(36, len(compressor) - 3, 6)]
    if sum(items) != record:
        raise ValueError(f"its compressed points have {sum(items)} bytes where its header says {record}")
    if len(content) < header.first_point + 8:
        raise ValueError("cut off at its first point")
    (table,) = struct.unpack_from("<q", content, header.first_point)
    if table == -1:  # written to a stream: it stands at the end
        (table,) = struct.unpack_from("<q", content, len(content) - 8)
    if not header.first_point + 8 <= table <= len(content) - 8:
        raise ValueError("cut off, or not finished when it was written: its table of chunks is not there")
    _, chunks = struct.unpack_from("<II", content, table)
    # every chunk begins with one point as it is
    if chunks * record > table - header.first_point - 8:
        raise ValueError(f"it promises {chunks} chunks, and has no room for them")
    if header.points > chunks * (chunk if chunk != VARIABLE else header.points):
        raise ValueError(f"its header promises {header.points} points, its {chunks} chunks hold {chunks * chunk}")
