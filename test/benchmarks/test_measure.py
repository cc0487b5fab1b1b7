"""The table of benchmarks: what is compared, and what a regression is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.measure import Figure, read_table, reference_work, size, timed, write_table


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    figures = [
        Figure("search", 1.5, "ms", 0.25),
        size("bytes", 20_000, "bytes"),
        Figure("p99", 80.0, "ms live", np.nan),
    ]
    write_table(tmp_path / "table.csv", figures)
    table = read_table(tmp_path / "table.csv")
    assert list(table) == ["search", "bytes", "p99"]
    assert [table["search"], table["bytes"]] == figures[:2]
    assert not figures[2].regressed(table["p99"])
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert read_table(tmp_path / "none.csv") == {}


def test_a_regression_is_judged_by_the_ratio_and_not_by_the_time() -> None:
    committed = Figure("search", 1.0, "ms", 0.5)
    assert not Figure("search", 9.0, "ms", 0.7).regressed(committed)  # a slow machine
    assert Figure("search", 1.0, "ms", 0.8).regressed(committed)
    assert not size("bytes", 10_300, "bytes").regressed(size("bytes", 10_000, "bytes"))
    assert size("bytes", 10_600, "bytes").regressed(size("bytes", 10_000, "bytes"))


def test_the_reference_timed_against_itself_has_the_ratio_one() -> None:
    data = np.random.default_rng(0).random((512, 256))
    figure = timed("itself", lambda: reference_work(data), rounds=20)
    assert 0.5 < figure.ratio < 2.0
    assert figure.value > 0.0
