from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from torch import Tensor  # noqa: E402

from isometry.datasets.scan_pair import ScanPair  # noqa: E402
from isometry.geometry import se3  # noqa: E402
from isometry.registration.features.encoder import FeatureEncoder  # noqa: E402
from isometry.registration.features.pyramid import build_pyramid, example_pyramid  # noqa: E402
from isometry.training.registration.correspondences import correspondences_of, fine_matches  # noqa: E402
from isometry.training.registration.export import export_registration_network  # noqa: E402
from isometry.training.registration.losses import fine_loss, rotation_loss  # noqa: E402
from isometry.training.registration.pairs import (  # noqa: E402
    TrainingPair,
    augmented,
    load_pair,
    prepared,
    save_pair,
    split,
    write_pairs,
)
from isometry.training.registration.recipe import RegistrationTrainingParameters  # noqa: E402
from isometry.training.registration.train import load_trained, train  # noqa: E402


@pytest.fixture(scope="module")
def scans() -> ScanPair:
    whole = example_pyramid()
    points = whole.metres(whole.points).astype(np.float32)
    T_target_source = se3.from_planar(3.0, -1.0, 0.7)
    source = se3.apply(se3.inverse(T_target_source), points[points[:, 0] > -13.0].astype(float)).astype(np.float32)
    return ScanPair(points[points[:, 0] < 10.0], source, T_target_source, np.zeros(3), np.zeros(3), "made up")


@pytest.fixture(scope="module")
def pair(scans: ScanPair) -> TrainingPair:
    ready = prepared(scans, False, np.random.default_rng(0))
    assert ready is not None
    return ready


def test_a_prepared_pair_is_turned_and_keeps_its_truth(scans: ScanPair, pair: TrainingPair) -> None:
    moved = se3.apply(pair.T_target_source, pair.source.points)
    matches = fine_matches(pair.target.points, moved, 1.5 * pair.target.resolution)
    assert len(matches) > 0.4 * len(moved)
    assert se3.rotation_angle(se3.inverse(scans.T_target_source) @ pair.T_target_source) > 0.1
    assert pair.target.resolution == pair.source.resolution


def test_a_cut_pair_still_overlaps(pair: TrainingPair) -> None:
    random = np.random.default_rng(0)
    sides = set()
    for _ in range(12):
        cut = augmented(pair, random)
        sides.add(cut.target.viewpoint is None)
        assert len(cut.target.points) <= len(pair.target.points)
        assert (cut.target.viewpoint is None) == (cut.source.viewpoint is None)
    assert sides == {True, False}


def test_a_pair_comes_back_from_its_file(pair: TrainingPair, tmp_path: Path) -> None:
    save_pair(pair, tmp_path / "a_00000.npz")
    loaded = load_pair(tmp_path / "a_00000.npz")
    np.testing.assert_allclose(loaded.target.points, pair.target.points, atol=1e-4)
    np.testing.assert_allclose(loaded.source.normals, pair.source.normals, atol=1e-3)
    np.testing.assert_array_equal(loaded.T_target_source, pair.T_target_source)


def test_truth_and_losses_prefer_the_right_answer(pair: TrainingPair) -> None:
    """Descriptors that are the positions themselves, and frames that follow the truth, cost less than others."""
    target, source = build_pyramid(pair.target), build_pyramid(pair.source)
    true = correspondences_of(target, source, pair.T_target_source)
    assert true is not None
    assert (true.target_fine[true.fine[:, 0]] - true.source_fine[true.fine[:, 1]]).norm(dim=1).max() < 2.0
    assert 0.0 < float(true.overlap.max()) <= 1.0
    parameters = RegistrationTrainingParameters()

    def codes(positions: Tensor) -> Tensor:
        waves = torch.randn(3, 64, generator=torch.Generator().manual_seed(0)) * 0.2
        coded: Tensor = torch.nn.functional.normalize(
            torch.cat([(positions @ waves).sin(), (positions @ waves).cos()], 1), dim=1
        )
        return coded

    right = fine_loss(codes(true.target_fine), codes(true.source_fine), true, parameters)
    wrong = fine_loss(codes(true.target_fine.flip(0)), codes(true.source_fine), true, parameters)
    assert right < 0.7 * wrong

    frames = torch.nn.functional.normalize(torch.randn(1, 24), dim=1).reshape(1, 8, 3)
    here = frames.expand(len(source.fine), 8, 3)
    there = (frames @ true.rotation.T).expand(len(target.fine), 8, 3)
    following = rotation_loss(there, here, true, parameters)
    assert following < 0.7 * rotation_loss(here[:1].expand_as(there), here, true, parameters)


def test_a_pair_without_overlap_teaches_nothing(pair: TrainingPair) -> None:
    away = pair.T_target_source.copy()
    away[:3, 3] += 1000.0
    assert correspondences_of(build_pyramid(pair.target), build_pyramid(pair.source), away) is None


def test_a_folder_without_pairs_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no prepared pairs to train on"):
        split(tmp_path, 4)


def test_an_unknown_network_and_a_file_that_is_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no registration network 'fpfh'"):
        train(tmp_path, "fpfh", RegistrationTrainingParameters(), tmp_path)
    (tmp_path / "x.pt").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"x\.pt: not a trained registration network"):
        load_trained(tmp_path / "x.pt")


@pytest.mark.slow
@pytest.mark.parametrize("network", ["equivariant", "invariant"])
def test_train_resume_and_export(scans: ScanPair, tmp_path: Path, network: str) -> None:
    write_pairs([scans] * 6, "made-up", False, tmp_path / "pairs", 0)
    parameters = RegistrationTrainingParameters(steps=2, checkpoint_every=1)
    trained = train(tmp_path / "pairs", network, parameters, tmp_path)
    resumed = train(tmp_path / "pairs", network, parameters, tmp_path, resume=tmp_path / "checkpoint.pt")
    for before, after in zip(trained.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(before, after)
    assert (tmp_path / "log.csv").read_text().startswith("step,minutes,fine")
    train(tmp_path / "pairs", network, parameters, tmp_path / "next", start=tmp_path / f"registration_{network}.pt")

    loaded, name, recipe = load_trained(tmp_path / f"registration_{network}.pt")
    assert (name, recipe["steps_done"]) == (network, 2)
    card = export_registration_network(loaded, name, tmp_path / "m.onnx", {"licence": "none"})
    assert card["symmetry"]["turn_in_so3"] < 1e-3
    assert FeatureEncoder(network, tmp_path / "m.onnx").model.sha256 == card["sha256"]
