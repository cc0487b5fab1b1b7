"""Arguments that choose frames."""

from __future__ import annotations

import typer


def parse_frames(text: str) -> slice:
    """`A:B` as a slice, either end may be left out. Raises typer.BadParameter for anything else."""
    start, colon, stop = text.partition(":")
    if not colon or not all(end == "" or end.isdecimal() for end in (start, stop)):
        raise typer.BadParameter(f"{text!r} is not of the form A:B, such as 0:1000")
    chosen = slice(int(start) if start else None, int(stop) if stop else None)
    if chosen.start is not None and chosen.stop is not None and chosen.stop <= chosen.start:
        raise typer.BadParameter(f"{text!r} has no frames")
    return chosen
