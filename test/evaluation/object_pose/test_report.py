"""The page on object poses, of answers made by hand."""

from __future__ import annotations

import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isometry.evaluation.object_pose.cases import BopCases, Case
from isometry.evaluation.object_pose.measure import Clock, InstanceResult, compared, figures
from isometry.evaluation.object_pose.report import write_report, wrong_first
from isometry.geometry import se3
from isometry.object_pose.symmetry_group import turned_about
from isometry.object_pose.types import ObjectPose, PoseMode, refusal

PROVENANCE = {"data": "a <set>", "date": "today", "commit": "abc123", "model": {"name": "oracle", "sha256": "none"}}
HALF_TURN = np.diag([-1.0, 1.0, -1.0])[None]


def answer(case: Case, turned: bool) -> ObjectPose:
    T = case.T_camera_object
    wrong = T @ turned_about(case.prepared.model.mesh.centre, HALF_TURN)[0]
    aside = T @ se3.from_rotation_translation(np.eye(3), np.array([0.03, 0.0, 0.0]))
    modes = (PoseMode(wrong, 0.6), PoseMode(aside, 0.4)) if turned else (PoseMode(T, 1.0),)
    return ObjectPose(modes, np.eye(6), 0.9, "ok")


@pytest.fixture(scope="module")
def results(simulated_bop: Path) -> list[InstanceResult]:
    cases = list(BopCases(simulated_bop))
    answers = [answer(cases[0], False), answer(cases[1], True), refusal("no_depth"), answer(cases[3], False)]
    return [compared(case, each, Clock().seconds()) for case, each in zip(cases, answers, strict=True)]


def test_every_instance_has_a_picture_and_wrong_ones_come_first(results: list[InstanceResult], tmp_path: Path) -> None:
    page = write_report(tmp_path / "out/page.html", figures(results), PROVENANCE, results)
    text = page.read_text()
    assert [each.answer.reason for each in wrong_first(results)][:2] == ["no_depth", "ok"]
    said = re.findall(r"<h2>Object (\d), frame (\d+/\d+)</h2><p>([^;]*);", text)
    assert [each[:2] for each in said][:2] == [("1", "000003/000001"), ("2", "000003/000000")]
    assert said[0][2] == "no pose: no_depth"
    assert said[1][2].startswith("180.0 deg and")
    assert said[1][2].endswith("confidence 0.90, ok, 2 modes")
    assert len(said) == text.count("data:image/jpeg") == 4
    for wanted in ("a &lt;set&gt;", "abc123", "Reliability of the confidence"):
        assert wanted in text, wanted
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=\"(?!data:)", text)


def test_outlines_show_the_true_pose_the_answer_and_its_other_modes(
    results: list[InstanceResult], tmp_path: Path
) -> None:
    text = write_report(tmp_path / "page.html", figures(results), PROVENANCE, results).read_text()
    pictures = [Image.open(BytesIO(b64decode(each))) for each in re.findall(r"jpeg;base64,([^\"]+)", text)]
    refused, wrong = (np.asarray(picture, np.int64) for picture in pictures[:2])
    half = wrong.shape[1] // 2
    for image, paints in ((refused, ("green",)), (wrong, ("green", "red", "yellow"))):
        assert image.shape[1] == 2 * image.shape[0]
        red, green, blue = np.moveaxis(image[:, half:], 2, 0)
        shown = {
            "red": (red > 200) & (green < 120),
            "green": (green > 180) & (red < 120) & (blue < 140),
            "yellow": (red > 200) & (green > 150) & (blue < 110),
        }
        for paint in paints:
            assert shown[paint].sum() > 100, paint


def test_a_set_in_which_all_are_refused_has_a_page(results: list[InstanceResult], tmp_path: Path) -> None:
    refused = [compared(each.case, refusal("no_hypothesis"), (0.1, 0.1)) for each in results]
    text = write_report(tmp_path / "page.html", figures(refused), PROVENANCE, refused).read_text()
    assert "no pose: no_hypothesis" in text
    assert "Reliability" not in text
