"""Figures and state words of /diagnostics."""

from __future__ import annotations

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from isometry.nodes.runtime.diagnostics import (
    LATENCIES_KEPT,
    LEVELS_AND_ADVICE,
    State,
    Statistics,
    to_status,
    values_of,
)

DOCUMENTED = {
    *("ok", "no_input", "sync_starved", "no_tf", "bad_input", "bad_parameter", "model_mismatch"),
    *("not_mapping", "not_saved", "overloaded", "unconstrained", "no_pose", "lost"),
    *("frozen", "camera_changed"),
}


def test_the_state_words_are_the_documented_ones() -> None:
    assert set(LEVELS_AND_ADVICE) == DOCUMENTED


@pytest.mark.parametrize("word", sorted(DOCUMENTED - {"ok"}))
def test_every_trouble_has_its_cause_and_what_to_do_in_one_line(word: str) -> None:
    status = to_status("node: status", "node", State(word, "the very thing"), {})
    assert status.message.startswith(f"{word}: the very thing (")
    assert "\n" not in status.message
    assert status.level != DiagnosticStatus.OK


def test_an_undocumented_word_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown state word 'tired'"):
        State("tired")


def test_rates_are_of_the_last_period_and_counts_of_all() -> None:
    statistics = Statistics()
    for _ in range(20):
        statistics.received()
    for _ in range(10):
        statistics.published(0.05, 0.04)
        statistics.processed(refused=False)
    for _ in range(3):
        statistics.processed(refused=True)
    first, second = statistics.report(2.0), statistics.report(2.0)
    assert (first["rate_in_hz"], first["rate_out_hz"]) == (10.0, 5.0)
    assert (second["rate_in_hz"], second["rate_out_hz"]) == (0.0, 0.0)
    assert (second["received"], second["published"]) == (20, 10)
    assert (second["processed"], second["refused"]) == (13, 3)


def test_latency_percentiles_are_those_of_the_kept_samples() -> None:
    statistics = Statistics()
    latencies = np.random.default_rng(0).gamma(2.0, 0.05, 3 * LATENCIES_KEPT)
    for latency in latencies:
        statistics.published(latency, latency / 2)
    figures = statistics.report(1.0)
    assert figures["latency_p50_ms"] == pytest.approx(np.median(latencies[-LATENCIES_KEPT:]) * 1e3)
    assert figures["latency_p99_ms"] == pytest.approx(np.quantile(latencies[-LATENCIES_KEPT:], 0.99) * 1e3)
    assert figures["processing_p50_ms"] == pytest.approx(figures["latency_p50_ms"] / 2)


def test_a_clock_that_is_set_leaves_no_trace_in_latencies() -> None:
    statistics = Statistics()
    for latency in [0.05] * 500 + [3600.05] + [0.06] * 10:
        statistics.published(latency, 0.04)
    assert statistics.report(1.0)["latency_p99_ms"] == pytest.approx(60.0)
    statistics.forget_latencies()
    statistics.published(2.0, 0.04)
    assert statistics.report(1.0)["latency_p99_ms"] == pytest.approx(2000.0)


def test_without_a_result_there_is_no_latency_rather_than_a_zero() -> None:
    assert not any("latency" in name for name in Statistics().report(1.0))


def test_values_are_text_that_programs_read_back() -> None:
    status = to_status("n", "h", State(), {"accepted": True, "keyframe": 7, "confidence": 0.987654321, "reason": "ok"})
    values = values_of(status)
    assert values == {"state": "ok", "accepted": "true", "keyframe": "7", "confidence": "0.987654", "reason": "ok"}
