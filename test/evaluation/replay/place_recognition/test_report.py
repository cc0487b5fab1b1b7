from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from isometry.evaluation.replay.place_recognition.judgement import figures, judge
from isometry.evaluation.replay.place_recognition.report import write_report
from isometry.evaluation.replay.recording import PlaceRecognitionRecording
from isometry.place_recognition.mapping import PlaceMapperParameters

PROVENANCE = {
    "data": "a <square>",
    "date": "today",
    "commit": "abc123",
    "model": {"sha256": "f00d"},
    "machine": {"cores": 2},
}


def test_page_and_json_hold_the_same_and_nothing_is_loaded_from_outside(
    square_bag: Path, perfect: PlaceRecognitionRecording, tmp_path: Path
) -> None:
    judgement = judge(square_bag, perfect, PlaceMapperParameters())
    page = write_report(tmp_path / "out", figures(perfect, judgement), PROVENANCE, perfect, judgement)
    text = page.read_text()
    report = json.loads((page.parent / "report.json").read_text())
    assert report["recall_at_1"] == figures(perfect, judgement)["recall_at_1"]
    assert report["provenance"]["commit"] == "abc123"
    for wanted in ("abc123", "f00d", "a &lt;square&gt;", "recall@1", "found (84)", "p99"):
        assert wanted in text, wanted
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", text)
    assert sorted(path.name for path in page.parent.iterdir()) == ["report.html", "report.json"]


def test_a_replay_without_truth_and_without_answers_still_has_a_page(
    perfect: PlaceRecognitionRecording, tmp_path: Path
) -> None:
    names = "answer_stamps_ns latency_s accepted reasons keyframes confidences first_candidates T_keyframe_query"
    names += " keyframe_stamps_ns T_map_keyframe"
    empty = replace(perfect, **{name: getattr(perfect, name)[:0] for name in names.split()})
    page = write_report(tmp_path, figures(empty, None), PROVENANCE, empty, None)
    assert "nothing could be judged" in page.read_text()


def test_a_recording_is_read_back_as_it_was_written(perfect: PlaceRecognitionRecording, tmp_path: Path) -> None:
    perfect.save(tmp_path / "recording.npz")
    read = PlaceRecognitionRecording.load(tmp_path / "recording.npz")
    np.testing.assert_array_equal(read.T_keyframe_query, perfect.T_keyframe_query)
    np.testing.assert_array_equal(read.reasons, perfect.reasons)
    assert read.diagnostics == perfect.diagnostics
    assert read.report_states.tolist() == perfect.report_states.tolist()
    assert (read.given, read.problems) == (perfect.given, perfect.problems)
    assert [path.name for path in tmp_path.iterdir()] == ["recording.npz"]
