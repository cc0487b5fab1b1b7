"""The contract: what it measures, against functions whose symmetry is known; and every shipped file against its own."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from isometry.cli.main import app
from isometry.inference import read_card, shipped_models
from isometry.inference.contract import (
    Arrays,
    Contract,
    Port,
    Symmetry,
    assert_equivariant,
    check_symmetry,
    symmetry_errors,
)
from isometry.inference.representations import (
    PlanarMotion,
    by_velocity,
    displaced_memory,
    memory_windows,
    moving_frames,
    oriented_features,
    random_planar_motions,
    random_rotations,
    vectors,
)

FRAMES = np.random.default_rng(0).random((5, 1, 1, 6, 6), dtype=np.float32)
LENGTHS = Contract(
    task="",
    group="SO(3)",
    frame="",
    inputs={"points": Port("", vectors)},
    outputs={"lengths": Port(""), "doubled": Port("", vectors)},
    symmetries={"turned": Symmetry(random_rotations())},
    example=lambda seed: {"points": np.random.default_rng(seed).normal(size=(20, 3))},
)


def lengths(inputs: Arrays) -> Arrays:
    return {"lengths": np.linalg.norm(inputs["points"], axis=1), "doubled": 2.0 * inputs["points"]}


def coordinates(inputs: Arrays) -> Arrays:
    return {"lengths": inputs["points"][:, 0], "doubled": 2.0 * inputs["points"]}


def nothing(inputs: Arrays) -> Arrays:
    return {"lengths": np.ones(20), "doubled": 0.0 * inputs["points"] + 1e-12}


def test_lengths_are_invariant_and_coordinates_are_not() -> None:
    assert_equivariant(lengths, LENGTHS, 1e-12, np.float64)
    assert symmetry_errors(coordinates, LENGTHS, np.float64)["turned"] > 0.1
    with pytest.raises(AssertionError, match=r"turned: equivariance error .* is more than 1e-12"):
        assert_equivariant(coordinates, LENGTHS, 1e-12, np.float64)


def test_a_contract_under_which_nothing_can_fail_is_refused() -> None:
    constant = replace(LENGTHS, outputs={"lengths": Port("")})
    with pytest.raises(AssertionError, match="the negative control errs by 0"):
        assert_equivariant(nothing, constant, 1e-12, np.float64)


@pytest.mark.parametrize("broken_calls", [{0}, {1}, {2}, {0, 1, 2, 3, 4, 5}])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_network_that_gives_no_numbers_is_refused(broken_calls: set[int], value: float) -> None:
    calls = itertools.count()

    def broken(inputs: Arrays) -> Arrays:
        outputs = {name: array.copy() for name, array in lengths(inputs).items()}
        if next(calls) in broken_calls:
            outputs["doubled"][3, 1] = value
        return outputs

    errors = symmetry_errors(broken, LENGTHS, np.float64)
    assert errors == {"turned": np.inf}
    with pytest.raises(ValueError, match=r"m\.onnx: turned is inf"):
        check_symmetry(errors, LENGTHS, "m.onnx")


def test_a_network_that_gives_zeros_is_refused() -> None:
    """Every symmetry holds for zeros, and their errors are relative to nothing."""
    with pytest.raises(ValueError, match="the output doubled is zero"):
        symmetry_errors(lambda inputs: {**lengths(inputs), "doubled": 0.0 * inputs["points"]}, LENGTHS)


def test_an_output_that_the_group_does_not_determine_is_refused() -> None:
    undetermined = Port("", lambda array, element: np.full_like(array, np.nan))
    contract = replace(LENGTHS, outputs={**LENGTHS.outputs, "lengths": undetermined})
    with pytest.raises(ValueError, match="lengths"):
        symmetry_errors(lengths, contract)


def test_an_error_beyond_its_tolerance_is_named_and_an_inexact_symmetry_is_not() -> None:
    with pytest.raises(ValueError, match=r"m\.onnx: turned is 2\.0e-01, more than 0\.0001"):
        check_symmetry({"turned": 0.2}, LENGTHS, "m.onnx")
    with pytest.raises(ValueError, match="turned is nan"):
        check_symmetry({"turned": float("nan")}, LENGTHS, "m.onnx")
    inexact = replace(LENGTHS, symmetries={"turned": Symmetry(random_rotations(), None)})
    check_symmetry({"turned": 0.2}, inexact, "m.onnx")


def test_four_quarter_turns_of_oriented_features_are_none() -> None:
    features = np.random.default_rng(0).random((2, 8, 3, 4, 4))
    np.testing.assert_array_equal(oriented_features(features, 4), features)
    assert (oriented_features(features, 1) != features).any()


def test_planar_motions_are_isometries_half_of_which_mirror() -> None:
    motions: list[PlanarMotion] = random_planar_motions(10.0, 6)
    for motion in motions:
        np.testing.assert_allclose(motion.rotation @ motion.rotation.T, np.eye(2), atol=1e-12)
    assert sorted(round(float(np.linalg.det(motion.rotation))) for motion in motions) == [-1, -1, -1, 1, 1, 1]


def mean_in_windows(frames: np.ndarray) -> np.ndarray:
    """The mean of the frames as each of 3 x 3 windows saw them: (1,1,18,18)."""
    means = {(p, q): moving_frames(frames, (-p, -q)).mean(axis=0)[0, 0] for p in (-1, 0, 1) for q in (-1, 0, 1)}
    rows = [np.concatenate([means[p, q] for q in (-1, 0, 1)], axis=1) for p in (-1, 0, 1)]
    return np.concatenate(rows)[None, None]


@pytest.mark.parametrize("flow", [(1, 0), (-1, 1), (0, 2)])
def test_a_flow_permutes_the_velocities_of_what_windows_remember(flow: tuple[int, int]) -> None:
    expected = memory_windows((3, 3))(mean_in_windows(FRAMES), flow)
    found = mean_in_windows(moving_frames(FRAMES, flow))
    known = np.isfinite(expected)
    assert known.sum() == 36 * (3 - abs(flow[0])) * (3 - abs(flow[1]))
    np.testing.assert_allclose(found[known], expected[known], atol=1e-6)
    backwards = mean_in_windows(moving_frames(FRAMES, flow)[::-1])
    assert np.abs(backwards[known] - expected[known]).max() > 0.1


def test_a_memory_of_the_last_frame_moves_with_it() -> None:
    flow = (1, -2)
    found = moving_frames(FRAMES, flow)[-1]
    np.testing.assert_array_equal(found, displaced_memory(len(FRAMES))(FRAMES[-1], flow))


def test_memories_by_velocity_are_the_tiles_of_the_map() -> None:
    memory = np.arange(2 * 6 * 4).reshape(1, 2, 6, 4)
    tiles = by_velocity(memory, (3, 2))
    np.testing.assert_array_equal(tiles[2, 1], memory[0, :, 4:6, 2:4])


@pytest.mark.parametrize("name", shipped_models())
def test_every_shipped_file_is_what_its_card_says(name: str) -> None:
    run = CliRunner().invoke(app, ["models", "show", name])
    assert run.exit_code == 0, run.output
    shown, card = json.loads(run.output), read_card(shipped_models()[name])
    measured = {key.removesuffix("_now"): value for key, value in shown.items() if key.endswith("_now")}
    assert measured
    for key, error in measured.items():
        # rounding differs from one processor to the next, what is not exact does not
        assert error == pytest.approx(card["symmetry"][key], rel=0.05, abs=1e-4)
    assert card["bytes"] == shipped_models()[name].stat().st_size < 10_000_000
    assert {"training_data", "licence", "metrics", "intended_use"} <= set(card)


def test_a_model_that_does_not_exist_is_named() -> None:
    run = CliRunner().invoke(app, ["models", "show", "segmentation"])
    assert run.exit_code == 1
    assert "no shipped model 'segmentation', only depth, flow_filter" in run.output
