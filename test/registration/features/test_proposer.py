from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.geometry import se3
from isometry.inference import WEIGHTS, ModelMismatchError
from isometry.registration.features.encoder import NETWORKS, FeatureEncoder
from isometry.registration.features.matching import compressed, joined_descriptors, match_features, mutual_nearest
from isometry.registration.features.proposer import FeatureProposer
from isometry.registration.features.pyramid import example_pyramid
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Cloud

T_TARGET_SOURCE = se3.from_rotation_translation(
    Rotation.from_rotvec([0.3, 2.0, -1.0]).as_matrix(), np.array([4.0, -2.0, 1.0])
)


@pytest.fixture(scope="module", params=NETWORKS)
def proposer(request: pytest.FixtureRequest) -> FeatureProposer:
    return FeatureProposer(FeatureEncoder(request.param))


@pytest.fixture(scope="module")
def pair() -> Sequence[Cloud]:
    """Two halves of one cloud that share 60 %, the second one turned and sampled on its own voxels."""
    whole = example_pyramid()
    points = whole.metres(whole.points)
    target, source = points[points[:, 0] < 7.0], points[points[:, 0] > -13.0]
    parameters = RegistrationParameters(resolution=0.4)
    moved = se3.apply(se3.inverse(T_TARGET_SOURCE), source)
    return prepare(target, parameters), prepare(moved, parameters)


def test_the_transform_is_among_the_first_proposed(proposer: FeatureProposer, pair: Sequence[Cloud]) -> None:
    (hypotheses,) = proposer.propose(*pair)
    assert hypotheses.proposed_by == proposer.name
    assert len(hypotheses.T_target_source) == len(hypotheses.support) <= 32
    off = se3.inverse(T_TARGET_SOURCE) @ hypotheses.T_target_source[:5]
    good = [se3.rotation_angle(each) < np.radians(5.0) and np.linalg.norm(each[:3, 3]) < 2.0 for each in off]
    assert any(good)


def test_matches_lie_on_each_other(proposer: FeatureProposer, pair: Sequence[Cloud]) -> None:
    matches = proposer.match(*pair)
    moved = se3.apply(T_TARGET_SOURCE, matches.source_points)
    apart = np.linalg.norm(matches.target_points - moved, axis=1)
    assert (apart < 1.2).mean() > 0.05  # by chance one in a thousand
    assert ((matches.scores >= 0.0) & (matches.scores <= 1.0)).all()
    assert (np.diff(matches.scores) <= 0.0).all()


def test_a_cloud_is_encoded_once(proposer: FeatureProposer, pair: Sequence[Cloud]) -> None:
    assert proposer.encoder.encode(pair[0]) is proposer.encoder.encode(pair[0])


def test_clouds_without_overlap_and_tiny_ones_are_no_error(proposer: FeatureProposer) -> None:
    random = np.random.default_rng(0)
    tiny = Cloud(random.uniform(0.0, 1.0, (20, 3)), np.tile([0.0, 0.0, 1.0], (20, 1)), 0.4, None)
    large = Cloud(random.uniform(0.0, 30.0, (3000, 3)), np.tile([0.0, 0.0, 1.0], (3000, 1)), 0.4, None)
    for target, source in ((tiny, tiny), (tiny, large), (large, tiny)):
        (hypotheses,) = proposer.propose(target, source)
        assert np.isfinite(hypotheses.T_target_source).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_shipped_file_keeps_its_card(name: str) -> None:
    encoder = FeatureEncoder(name)
    card = encoder.model.card
    assert card["symmetry"]["difference_to_torch"] < 1e-4
    assert card["bytes"] == (WEIGHTS / f"registration_{name}.onnx").stat().st_size < 10_000_000
    assert {"training_data", "licence", "metrics", "recipe", "latency"} <= set(card)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_shipped_file_holds_standard_operators_only(name: str) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(WEIGHTS / f"registration_{name}.onnx")
    assert {entry.domain for entry in model.opset_import} <= {"", "ai.onnx"}
    assert {node.domain for node in model.graph.node} == {""}
    assert len(model.functions) == 0
    assert not {node.op_type for node in model.graph.node} & {"Loop", "Scan", "NonZero", "If", "Where", "Compress"}
    free = [dimension.dim_param for entry in model.graph.input for dimension in entry.type.tensor_type.shape.dim[:1]]
    assert {"points", "fine", "middle", "coarse"} <= set(free)


def test_another_name_or_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no registration network 'fpfh', only equivariant, invariant"):
        FeatureEncoder("fpfh")
    with pytest.raises(ModelMismatchError, match="made for 'place_recognition', not 'registration_features'"):
        FeatureEncoder("equivariant", WEIGHTS / "place_recognition.onnx")


def test_nearest_pairs_are_those_of_all_similarities() -> None:
    random = np.random.default_rng(0)
    a, b = (random.normal(size=(count, 16)).astype(np.float32) for count in (700, 400))
    rows, others, similarity = mutual_nearest(a, b)
    full = a @ b.T
    assert [(r, c) for r, c in enumerate(full.argmax(axis=1)) if full[:, c].argmax() == r] == list(
        zip(rows.tolist(), others.tolist(), strict=True)
    )
    np.testing.assert_allclose(similarity, full[rows, others], rtol=1e-5)


def test_compression_keeps_similarities(proposer: FeatureProposer, pair: Sequence[Cloud]) -> None:
    a, b = (proposer.encoder.encode(cloud) for cloud in pair)
    joined = joined_descriptors(a), joined_descriptors(b)
    here, there = compressed(*joined)
    assert np.abs(here @ there.T - joined[0] @ joined[1].T).mean() < 0.02
    assert len(match_features(a, b).target) > 0
