"""Layouts of `.bin` files, told from the values of simulated scans, in any order of the points."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.datasets.point_clouds.bin_layouts import KITTI, layout_of, parse_bin, published_table
from isometry.simulation.pairs import simulated_pair

Scan = np.ndarray


@pytest.fixture(scope="module", params=["building", "street"])
def scan(request: pytest.FixtureRequest) -> Scan:
    """Points (N,3) in metres, N a multiple of 8."""
    points = simulated_pair(request.param, 3).source
    return points[: len(points) // 8 * 8].astype(np.float64)


def columns(scan: Scan, kind: str) -> np.ndarray:
    """A file's table: x, y, z and what data sets write after them."""
    random, n = np.random.default_rng(0), len(scan)
    reflectance, ring = random.uniform(0.0, 1.0, (n, 1)), random.integers(0, 32, (n, 1))
    others: dict[str, list[np.ndarray]] = {
        "xyz": [],
        "KITTI": [reflectance],
        "no reflectance": [np.zeros((n, 1))],
        "nuScenes": [np.round(255.0 * reflectance), ring],
        "no ring": [np.round(255.0 * reflectance), np.zeros((n, 1))],
        "Waymo": [reflectance, reflectance[::-1]],
        "with times": [reflectance, ring, np.linspace(0.0, 0.1, n)[:, None]],
        "with normals": [reflectance, random.normal(0.0, 0.5, (n, 3))],
        "PCL": [np.ones((n, 1)), np.round(255.0 * reflectance), np.zeros((n, 3))],
    }
    return np.hstack([scan, *others[kind]])


KINDS = {
    "xyz": 3, "KITTI": 4, "no reflectance": 4, "nuScenes": 5, "no ring": 5, "Waymo": 5, "with times": 6,
    "with normals": 7, "PCL": 8,
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_columns_are_told_and_the_points_come_back(scan: Scan, kind: str, shuffled: bool, dtype: str) -> None:
    order = np.random.default_rng(1).permutation(len(scan)) if shuffled else np.arange(len(scan))
    points, layout = parse_bin(columns(scan, kind)[order].astype(dtype).tobytes())
    assert (layout.columns, layout.dtype) == (KINDS[kind], np.dtype(dtype))
    np.testing.assert_allclose(points, scan[order], atol=1e-4)


def records(scan: Scan, *others: np.ndarray) -> bytes:
    return np.rec.fromarrays([*scan.T.astype(scan.dtype), *others]).tobytes()


def test_the_records_of_nclt_are_told(scan: Scan) -> None:
    n = len(scan)
    steps = np.round((scan + 100.0) / 0.005).clip(0, 40_000).astype("<u2")
    points, layout = parse_bin(records(steps, np.arange(n, dtype="u1"), (np.arange(n) % 32).astype("u1")))
    assert "NCLT" in str(layout)
    np.testing.assert_allclose(points, scan.clip(-100.0, 100.0), atol=0.003)


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_what_cannot_be_told_is_refused_with_the_option_that_says_it(scan: Scan, dtype: str) -> None:
    n, few = len(scan), columns(scan, "KITTI")[:5].astype(dtype).tobytes()
    mixed = records(scan.astype("<f4"), np.zeros(n, "u1"), np.zeros(n, "u1"), np.full(n, 1.7e9))
    reflectance_first = columns(scan, "KITTI")[:, [3, 0, 1, 2]].astype(dtype).tobytes()
    noise = np.random.default_rng(0).bytes(16 * n)
    for content in (few, mixed, reflectance_first, noise):
        assert layout_of(content) is None
        with pytest.raises(ValueError, match=r"give them \(--columns or map_columns; 4 for KITTI\)"):
            parse_bin(content)


def test_columns_that_are_given_are_read_and_still_checked(scan: Scan) -> None:
    table = columns(scan, "nuScenes").astype("<f4")
    points, _ = parse_bin(table[:5].tobytes(), 5)
    np.testing.assert_allclose(points, scan[:5], atol=1e-4)
    with pytest.raises(ValueError, match="not a whole number of 28-byte points"):
        parse_bin(table[:5].tobytes(), 7)
    with pytest.raises(ValueError, match=r"it has 5 columns of float64, .*, not 5 columns of float32"):
        parse_bin(table.astype("<f8").tobytes(), 5)
    with pytest.raises(ValueError, match="at least 3 columns"):
        parse_bin(table.tobytes(), 2)


@pytest.mark.parametrize(("scale", "unit"), [(1000.0, "millimetre"), (100.0, "centimetre")])
def test_another_unit_is_named(scan: Scan, scale: float, unit: str) -> None:
    far = scan[np.linalg.norm(scan, axis=1) > 5.0]
    table = columns(far[: len(far) // 8 * 8], "KITTI") * [scale, scale, scale, 1.0]
    with pytest.raises(ValueError, match=f"is their unit the {unit}"):
        parse_bin(table.astype("<f4").tobytes())


@pytest.mark.parametrize("kind", ["nuScenes", "Waymo", "with times", "PCL"])
def test_a_scan_that_should_be_of_kitti_and_is_not_is_refused(scan: Scan, kind: str) -> None:
    with pytest.raises(ValueError, match=f"it has {KINDS[kind]} columns of float32, .*, not 4 columns"):
        published_table(columns(scan, kind).astype("<f4").tobytes(), KITTI)
    with pytest.raises(ValueError, match="float64"):
        published_table(columns(scan, "KITTI").astype("<f8").tobytes(), KITTI)


def test_a_scan_of_kitti_stays_one_where_its_values_leave_a_doubt(scan: Scan) -> None:
    for table in (columns(scan, "KITTI")[:7], np.zeros((50, 4)), columns(scan, "no reflectance")[:20]):
        np.testing.assert_array_equal(published_table(table.astype("<f4").tobytes(), KITTI), table.astype("<f4"))
