"""Decompression of LZF, the byte format of Lehmann's liblzf, which PCD files use."""

from __future__ import annotations

LITERAL_AT_MOST = 32  # control bytes below: a run of so many plus one bytes follows; others: a copy of earlier bytes
LONG = 7  # a copy of this length has a byte more of length
MOST_EXPANSION = 88  # three bytes describe at most 264


def decompressed(data: bytes, size: int) -> bytes:
    """The `size` bytes that `data` holds. Raises ValueError where it holds another number, or is no LZF."""
    if size > MOST_EXPANSION * len(data):
        raise ValueError(f"{len(data)} compressed bytes cannot hold {size}")
    out = bytearray()
    at = 0
    try:
        while at < len(data):
            control = data[at]
            at += 1
            if control < LITERAL_AT_MOST:
                out += data[at : at + control + 1]
                at += control + 1
                continue
            length = control >> 5
            if length == LONG:
                length += data[at]
                at += 1
            length += 2
            distance = ((control & 31) << 8) + data[at] + 1
            at += 1
            start = len(out) - distance
            if start < 0:
                raise ValueError("its compressed data is damaged")
            if length <= distance:
                out += out[start : start + length]
            else:  # the copy overlaps what it writes: a repetition
                out += (out[start:] * (length // distance + 1))[:length]
    except IndexError as error:
        raise ValueError("its compressed data is cut off") from error
    if at > len(data) or len(out) != size:
        raise ValueError(f"its compressed data holds {len(out)} bytes where it promises {size}")
    return bytes(out)
