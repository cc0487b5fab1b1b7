"""The report on registration, of results made by hand."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.scan_pair import ScanPair
from isometry.evaluation.common.reliability_plot import interval
from isometry.evaluation.registration.measure import Case, PairResult, figures, measure, scan_criterion
from isometry.evaluation.registration.plots import reliability, success_over_distance
from isometry.evaluation.registration.report import worst_misses, write_report
from isometry.geometry import se3
from isometry.registration.types import Registration, UnusableCloudError

PROVENANCE = {"data": "a <drive>", "date": "today", "commit": "abc123", "model": {"name": "oracle", "sha256": "f00d"}}


def register(pair: ScanPair) -> Registration:
    """Right up to the sixth pair, wrong from then on, the eighth one refused; less sure with every pair."""
    k = int(pair.name)
    if k == 8:
        raise UnusableCloudError("a cloud is no cloud")
    T = pair.T_target_source @ se3.from_planar(0.02 if k < 6 else 30.0, 0.0, 0.001)
    return Registration(T, np.eye(6), 1.0 - 0.1 * k, k < 5 or k == 9, "ok", 0.5, "oracle")


@pytest.fixture(scope="module")
def results() -> list[PairResult]:
    random = np.random.default_rng(0)
    cases = []
    for k in range(10):
        T = se3.from_planar(1.0 + 3.0 * k, 0.0, 0.3)
        points = random.normal(size=(2000, 3)).astype(np.float32)
        pair = ScanPair(points, points, T, np.zeros(3), np.zeros(3), f"{k}")
        cases.append(Case("5" if k % 2 else "20", k, k + 5, pair, scan_criterion(T)))
    return measure(cases, register)


def test_the_page_tells_figures_and_misses_and_loads_nothing_from_outside(
    results: list[PairResult], tmp_path: Path
) -> None:
    page = write_report(tmp_path / "out/page.html", figures(results, "gaps"), "gaps", PROVENANCE, results)
    text = page.read_text()
    for wanted in ("abc123", "f00d", "a &lt;drive&gt;", "60.0 %", "Success over distance", "a cloud is no cloud"):
        assert wanted in text, wanted
    assert text.count("A miss: ") == 4
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", text)
    assert [path.name for path in page.parent.iterdir()] == ["page.html"]


def test_the_worst_misses_are_those_that_were_accepted_and_then_the_surest(results: list[PairResult]) -> None:
    assert [result.case.target for result in worst_misses(results)] == [9, 6, 7, 8]


def test_a_perfect_run_and_a_single_pair_have_a_page(results: list[PairResult], tmp_path: Path) -> None:
    for part in (results[:5], results[:1], results[8:9]):
        assert write_report(tmp_path / "page.html", figures(part, "gaps"), "gaps", PROVENANCE, part).exists()


def test_shares_are_plotted_over_distance_and_confidence(results: list[PairResult]) -> None:
    plot = success_over_distance(results)
    right = next(trace for trace in plot.data if trace.name == "right")
    assert list(right.x) == sorted(right.x)
    np.testing.assert_allclose(right.y[[0, -1]], [1.0, 0.0])
    measured = next(trace for trace in reliability(results).data if trace.name == "measured")
    # claimed: 0 (refused), 0.1, 0.3, 0.4, and 0.5 to 1; right from 0.5 on
    np.testing.assert_allclose(measured.y, np.array(measured.x) > 0.45)


def test_intervals_of_shares_by_hand() -> None:
    low, high = interval(np.array([0, 10, 5]), np.array([10, 10, 10]))
    assert (low[0], high[1]) == (0.0, 1.0)
    assert high[0] == pytest.approx(1.0 - low[1])
    assert low[2] == pytest.approx(1.0 - high[2])
    assert 0.2 < low[2] < 0.25  # 0.224 in the tables of Brown, Cai and DasGupta (2001)
