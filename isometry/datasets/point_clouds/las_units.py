"""The unit of a LAS file, as far as its coordinate reference system tells it.

Two notations: keys of GeoTIFF (OGC 19-008r4), and well-known text (OGC 18-010r11 and the older 01-009). Files without
either are taken to be in metres.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

OWNER = "LASF_Projection"
KEYS, ASCII, TEXT = (OWNER, 34735), (OWNER, 34737), (OWNER, 2112)
MODEL_TYPE, GEOGRAPHIC = 1024, 2
HORIZONTAL_UNIT, VERTICAL_UNIT = 3076, 4099
CITATIONS = (1026, 3073)  # of the whole, and of the projection
UNITS = {9001: ("metre", 1.0), 9002: ("foot", 0.3048), 9003: ("US survey foot", 1200.0 / 3937.0)}
UNIT = re.compile(r'\b(?:LENGTH)?UNIT\s*\[\s*"([^"]*)"\s*,\s*(\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)')
ANGLES = (np.pi / 180.0, np.pi / 200.0)  # of degrees and gons, which older text writes as any UNIT
GEOGRAPHIC_TEXT = re.compile(r"GEOGCS|GEOGCRS|GEODCRS|GEOGRAPHICCRS|GEODETICCRS")
PLANE_TEXT = re.compile(r"PROJCS|PROJCRS|PROJECTEDCRS|GEOCCS|LOCAL_CS|ENGCRS|ENGINEERINGCRS|CARTESIAN", re.IGNORECASE)
FEET = re.compile(r"ft(?:US)?\b|\bf(?:oo|ee)t\b", re.IGNORECASE)


def check_metres(records: Mapping[tuple[str, int], bytes]) -> None:
    """Raise ValueError, which names the unit, where the records of a file say that its coordinates are not metres."""
    if TEXT in records:
        _check_text(records[TEXT].decode("utf-8", errors="replace").rstrip("\0 "))
    elif KEYS in records:
        _check_keys(records[KEYS], records.get(ASCII, b"").decode("ascii", errors="replace"))


def _check_text(text: str) -> None:
    if GEOGRAPHIC_TEXT.search(text) and not PLANE_TEXT.search(text):
        raise ValueError(_geographic())
    for name, factor in UNIT.findall(text):
        metres = float(factor)
        if not np.isclose(metres, (1.0, *ANGLES), rtol=1e-6).any():
            raise ValueError(_other(name, metres))


def _check_keys(directory: bytes, texts: str) -> None:
    words = np.frombuffer(directory, "<u2", len(directory) // 2)
    rows = words[4 : 4 + 4 * (len(words) // 4 - 1)].reshape(-1, 4)
    values = {int(key): int(value) for key, place, _, value in rows if place == 0}
    if values.get(MODEL_TYPE) == GEOGRAPHIC:
        raise ValueError(_geographic())
    for key in (HORIZONTAL_UNIT, VERTICAL_UNIT):
        code = values.get(key, 9001)
        if code != 9001:
            name, metres = UNITS.get(code, (f"unit with EPSG code {code}", float("nan")))
            raise ValueError(_other(name, metres))
    citations = [texts[start : start + count] for key, place, count, start in rows.tolist() if key in CITATIONS]
    if HORIZONTAL_UNIT not in values and any(FEET.search(text) for text in citations):
        raise ValueError(_other("foot", 0.3048))


def _geographic() -> str:
    return "its coordinates are longitude and latitude in degrees: project them to metres first, for example to UTM"


def _other(name: str, metres: float) -> str:
    factor = "" if np.isnan(metres) else f": multiply them by {metres:.10g}"
    return f"its coordinates are in the unit {name!r}, not in metres{factor}"
