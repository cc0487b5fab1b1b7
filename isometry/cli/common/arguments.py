"""Arguments of several parts: ranges of frames, lists with commas, files by name, settings.

Every function raises ValueError with one line that has the argument and an example of its form.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path


def parse_frames(text: str) -> slice:
    """`A:B` as a slice; either end may be left out."""
    start, colon, stop = text.partition(":")
    if not colon or not all(end == "" or end.isdecimal() for end in (start, stop)):
        raise ValueError(f"{text!r} is not of the form A:B, such as 0:1000")
    chosen = slice(int(start) if start else None, int(stop) if stop else None)
    if chosen.start is not None and chosen.stop is not None and chosen.stop <= chosen.start:
        raise ValueError(f"{text!r} has no frames")
    return chosen


def parse_list(option: str, text: str, example: str) -> list[str]:
    """The parts of `A,B,...` in order, without repetitions."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise ValueError(f"{option} {text!r}: write a list with commas between its parts, such as {example}")
    return list(dict.fromkeys(parts))


def parse_whole_numbers(option: str, text: str, example: str) -> list[int]:
    """The whole numbers above 0 of `A,B,...` in order, without repetitions."""
    parts = parse_list(option, text, example)
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(f"{option} {text!r}: it must be whole numbers above 0, such as {example}")
    return list(dict.fromkeys(int(part) for part in parts))


def parse_files(option: str, texts: Iterable[str], example: str) -> dict[str, Path]:
    """Each `NAME:FILE` as an entry."""
    files = {}
    for text in texts:
        name, colon, file = text.partition(":")
        if not (name.strip() and colon and file):
            raise ValueError(f"{option} {text!r}: write a name, a colon and a file, such as {example}")
        files[name.strip()] = Path(file)
    return files


def parse_drive(option: str, text: str) -> tuple[Path, str, Path | None]:
    """`DIR:SEQUENCE` or `DIR:SEQUENCE:POSES` as the directory, the sequence and the file of poses."""
    parts = text.split(":")
    if len(parts) not in (2, 3) or not all(parts):
        raise ValueError(f"{option} {text!r}: write DIR:SEQUENCE or DIR:SEQUENCE:POSES")
    return Path(parts[0]), parts[1], Path(parts[2]) if len(parts) == 3 else None


def parse_point(option: str, text: str, alternatives: str) -> tuple[float, float, float]:
    """`x,y,z` as finite numbers; `alternatives` are the other words that the option takes."""
    try:
        x, y, z = (float(part) for part in text.split(","))
        if math.isfinite(x + y + z):
            return x, y, z
    except ValueError:
        pass
    raise ValueError(f"{option} {text!r}: it must be {alternatives} or x,y,z in metres")


def parse_settings(option: str, texts: Iterable[str]) -> dict[str, str]:
    """Each `NAME=VALUE` as an entry."""
    settings = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name.strip() and sign and value.strip()):
            raise ValueError(f"{option} {text!r} is not of the form NAME=VALUE")
        settings[name] = value
    return settings
