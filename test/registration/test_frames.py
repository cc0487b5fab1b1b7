"""A cloud is registered the same way wherever it lies and however it is turned."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.datasets.scan_pair import ScanPair
from isometry.geometry import se3
from isometry.registration.frames import canonical, in_given_frames, own_axes
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.pipeline import Registrar, load_registrar
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Cloud, Registration
from isometry.simulation.pairs import simulated_pair

PARAMETERS = RegistrationParameters()
PLACES = {
    "300 m off": ([300.0, 200.0, 40.0], [0.0, 0.0, 0.0]),
    "9 km off and turned": ([-9000.0, 1500.0, 310.0], [0.3, -0.2, 1.1]),
    "in UTM and on its head": ([691_234.56, 5_334_567.89, 519.0], [3.0, 0.4, -0.2]),
}


@pytest.fixture(scope="module")
def pair() -> ScanPair:
    return simulated_pair("building", 1)


@pytest.fixture(scope="module")
def registrar() -> Registrar:
    return load_registrar("default")


def moved(points: NDArray[np.floating], T: Array, viewpoint: Array | None) -> Cloud:
    """A scan after a motion of it and its sensor."""
    seen_from = None if viewpoint is None else se3.apply(T, viewpoint[None])[0]
    return prepare(se3.apply(T, points.astype(np.float64)), PARAMETERS, seen_from)


@pytest.mark.parametrize("seen", [True, False], ids=["with viewpoint", "without"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_result_moves_with_the_clouds(
    registrar: Registrar, pair: ScanPair, place: tuple[list[float], list[float]], seen: bool
) -> None:
    T = se3.from_rotation_translation(Rotation.from_rotvec(place[1]).as_matrix(), np.array(place[0]))
    viewpoint = np.zeros(3) if seen else None
    still = [moved(cloud, np.eye(4), viewpoint) for cloud in (pair.target, pair.source)]
    target, source = (moved(cloud, T, viewpoint) for cloud in (pair.target, pair.source))
    found = registrar.register(still[0], still[1])
    assert found.accepted
    for T_target, T_source, result in (
        (T, np.eye(4), registrar.register(target, still[1])),
        (np.eye(4), T, registrar.register(still[0], source)),
        (T, T, registrar.register(target, source)),
        (T, T, registrar.refine(target, source, T @ found.T_target_source @ se3.inverse(T))),
    ):
        back = se3.inverse(T_target) @ result.T_target_source @ T_source
        assert result.accepted
        np.testing.assert_allclose(back, found.T_target_source, atol=1e-4)
        assert result.confidence == pytest.approx(
            found.confidence, abs=5e-3 if result.proposed_by != "initial" else 0.1
        )


def test_the_covariance_is_that_of_the_frame_as_given(random: np.random.Generator) -> None:
    """Against poses that are disturbed one by one, in the canonical frames and as given."""
    target, source = (canonical(_cloud(random, place)) for place in ([40.0, -30.0, 5.0], [-60.0, 10.0, 20.0]))
    T_target_source = se3.from_rotation_translation(Rotation.random(random_state=1).as_matrix(), random.normal(size=3))
    spread = random.normal(size=(6, 6)) * 1e-3
    found = in_given_frames(Registration(T_target_source, spread @ spread.T, 1.0, True, "ok", 1.0, ""), target, source)
    errors = []
    for error in random.multivariate_normal(np.zeros(6), spread @ spread.T, 20_000):
        disturbed = se3.from_rotation_translation(
            Rotation.from_rotvec(error[3:]).as_matrix() @ T_target_source[:3, :3], T_target_source[:3, 3] + error[:3]
        )
        errors.append(target.T_given_canonical @ disturbed @ se3.inverse(source.T_given_canonical))
    sampled = np.cov(se3.error(np.array(errors), found.T_target_source).T)
    np.testing.assert_allclose(found.covariance, sampled, rtol=0.05, atol=0.05 * np.abs(sampled).min())


def _cloud(random: np.random.Generator, place: list[float]) -> Cloud:
    points = random.gamma(1.0, 1.0, (500, 3)) * [5.0, 2.0, 1.0] + place
    return Cloud(points, np.tile([0.0, 0.0, 1.0], (500, 1)), 0.4, np.array(place), np.array([0.0, 0.0, 1.0]))


def test_a_moved_cloud_is_the_same_in_its_canonical_frame(random: np.random.Generator) -> None:
    cloud = _cloud(random, [1.0, 2.0, 3.0])
    T = se3.from_rotation_translation(Rotation.random(random_state=2).as_matrix(), np.array([300.0, -4000.0, 50.0]))
    assert cloud.viewpoint is not None
    assert cloud.up is not None
    R = T[:3, :3]
    turned = Cloud(
        se3.apply(T, cloud.points), cloud.normals @ R.T, 0.4, se3.apply(T, cloud.viewpoint[None])[0], R @ cloud.up
    )
    first, second = canonical(cloud), canonical(turned)
    np.testing.assert_allclose(second.T_given_canonical, T @ first.T_given_canonical, atol=1e-6)
    for name in ("points", "normals", "viewpoint", "up"):
        np.testing.assert_allclose(getattr(first.cloud, name), getattr(second.cloud, name), atol=1e-6)


def test_own_axes_are_a_rotation_that_follows_the_points() -> None:
    random = np.random.default_rng(0)
    points = random.gamma(1.0, 1.0, (500, 3)) * [5.0, 2.0, 1.0]
    points -= points.mean(axis=0)
    rotation = Rotation.from_rotvec([1.0, 2.0, -0.5]).as_matrix()
    axes = own_axes(points)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    np.testing.assert_allclose(own_axes(points @ rotation.T), rotation @ axes, atol=1e-9)
