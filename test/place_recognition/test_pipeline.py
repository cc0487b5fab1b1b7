from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.place_recognition.baseline import FourierEncoder
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.memory import PlaceMemory
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.pipeline import PlaceRecognizer

Look = Callable[[int, Array], Array]


@pytest.fixture(scope="module")
def encoder() -> BirdsEyeEncoder:
    return BirdsEyeEncoder.load()


@pytest.fixture
def recognizer(encoder: BirdsEyeEncoder) -> PlaceRecognizer:
    return PlaceRecognizer(encoder, PlaceMemory(encoder.sha256, encoder.descriptor_size), PlaceRecognitionParameters())


def add_scenes(recognizer: PlaceRecognizer, look: Look, count: int = 6) -> None:
    for seed in range(count):
        observation = recognizer.observe(look(seed, np.eye(4)))
        recognizer.add_keyframe(observation, se3.from_planar(100.0 * seed, 0.0, 0.3 * seed), seed)


@pytest.mark.parametrize("yaw_deg", [0.0, 17.0, 90.0, 135.0, -164.0])
def test_a_place_is_recognised_from_any_direction(recognizer: PlaceRecognizer, look: Look, yaw_deg: float) -> None:
    add_scenes(recognizer, look)
    T_keyframe_query = se3.from_planar(1.5, -1.0, np.radians(yaw_deg))
    match = recognizer.recognise(recognizer.observe(look(4, T_keyframe_query)))
    assert match.accepted, match
    assert match.reason == "ok"
    assert match.keyframe == 4
    assert match.T_keyframe_query is not None
    assert match.T_map_query is not None
    error = se3.inverse(T_keyframe_query) @ match.T_keyframe_query
    assert np.linalg.norm(error[:3, 3]) < 0.2
    assert se3.rotation_angle(error) < np.radians(1.0)
    np.testing.assert_allclose(match.T_map_query, se3.from_planar(400.0, 0.0, 1.2) @ match.T_keyframe_query)


def test_the_covariance_is_one(recognizer: PlaceRecognizer, look: Look) -> None:
    add_scenes(recognizer, look, 2)
    match = recognizer.recognise(recognizer.observe(look(1, np.eye(4))))
    assert match.covariance is not None
    np.testing.assert_allclose(match.covariance, match.covariance.T)
    assert np.linalg.eigvalsh(match.covariance).min() > 0.0
    assert 0.0 <= match.confidence <= 1.0


def test_an_unknown_place_is_not_accepted_and_says_why(recognizer: PlaceRecognizer, look: Look) -> None:
    add_scenes(recognizer, look)
    match = recognizer.recognise(recognizer.observe(look(99, np.eye(4))))
    assert not match.accepted
    assert match.reason == "low_agreement"


def test_an_empty_memory_says_so(recognizer: PlaceRecognizer, look: Look) -> None:
    match = recognizer.recognise(recognizer.observe(look(0, np.eye(4))))
    assert not match.accepted
    assert match.reason == "empty_memory"
    assert match.T_keyframe_query is None


def test_keyframes_that_are_too_new_are_no_candidates(recognizer: PlaceRecognizer, look: Look) -> None:
    add_scenes(recognizer, look)
    match = recognizer.recognise(recognizer.observe(look(4, np.eye(4))), newest_stamp_ns=3)
    assert match.keyframe != 4
    assert max(match.candidates) <= 3


def test_a_scan_is_related_to_a_keyframe_some_metres_back(recognizer: PlaceRecognizer, look: Look) -> None:
    T_map_keyframe, T_keyframe_query = se3.from_planar(50.0, 20.0, 1.0), se3.from_planar(5.0, 1.0, 0.1)
    recognizer.add_keyframe(recognizer.observe(look(3, np.eye(4))), T_map_keyframe, 0)
    observation = recognizer.observe(look(3, T_keyframe_query))
    guess = T_map_keyframe @ T_keyframe_query @ se3.from_planar(0.2, -0.1, 0.02)
    match = recognizer.relate(observation, 0, guess)
    assert match.accepted, match
    assert match.T_keyframe_query is not None
    assert match.covariance is not None
    error = se3.inverse(T_keyframe_query) @ match.T_keyframe_query
    assert np.linalg.norm(error[:3, 3]) < 0.05
    assert se3.rotation_angle(error) < np.radians(0.5)
    assert np.linalg.eigvalsh(match.covariance).min() > 0.0
    assert not recognizer.relate(recognizer.observe(look(5, T_keyframe_query)), 0, guess).accepted


def test_a_tilted_robot_finds_its_place_by_the_direction_of_gravity(recognizer: PlaceRecognizer, look: Look) -> None:
    add_scenes(recognizer, look)
    tilt = se3.from_rotation_translation(
        Rotation.from_euler("xyz", [12.0, -9.0, 70.0], degrees=True).as_matrix(), np.zeros(3)
    )
    match = recognizer.recognise(recognizer.observe(look(2, tilt), up=tilt[:3, :3].T @ [0.0, 0.0, 1.0]))
    assert match.accepted
    assert match.T_keyframe_query is not None
    error = se3.inverse(tilt) @ match.T_keyframe_query
    assert np.linalg.norm(error[:3, 3]) < 0.3
    assert se3.rotation_angle(error) < np.radians(2.0)


def test_inputs_are_left_as_they_were(recognizer: PlaceRecognizer, look: Look) -> None:
    cloud = look(0, np.eye(4))
    before = cloud.copy()
    recognizer.observe(cloud, up=np.array([0.0, 0.1, 1.0]))
    np.testing.assert_array_equal(cloud, before)


@pytest.mark.parametrize(
    ("cloud", "message"),
    [
        (np.zeros((0, 3)), "0 finite points"),
        (np.zeros((1, 3)), "1 finite points"),
        (np.full((1000, 3), np.nan), "0 finite points"),
        (np.zeros((1000, 2)), r"shape \(N,3\)"),
        (np.tile([1.0, 2.0, 3.0], (1000, 1)), "fills 1 cells"),
        (np.random.default_rng(0).uniform([-20.0, -20.0, 0.0], [20.0, 20.0, 0.1], (1000, 3)), "check ground_height"),
    ],
    ids=["empty", "one point", "NaN", "two columns", "one place", "ground alone"],
)
def test_a_cloud_that_cannot_be_used_is_refused_with_the_reason(
    recognizer: PlaceRecognizer, cloud: Array, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        recognizer.observe(cloud)


@pytest.mark.parametrize(("scale", "unit"), [(100.0, "centimetre"), (1000.0, "millimetre")])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_points_in_another_unit_are_refused_with_its_name(
    recognizer: PlaceRecognizer, look: Look, scale: float, unit: str, kind: type[np.floating]
) -> None:
    cloud = look(0, np.eye(4)).astype(kind)
    cloud = cloud[np.linalg.norm(cloud, axis=1) < 20.0]  # half of a scan is no further
    recognizer.observe(cloud)
    with pytest.raises(ValueError, match=rf"^[^\n]* m from the sensor: is their unit the {unit}\?$"):
        recognizer.observe((scale * cloud).astype(kind))


def test_a_memory_of_another_model_is_refused(encoder: BirdsEyeEncoder) -> None:
    with pytest.raises(ValueError, match="the memory is of model other"):
        PlaceRecognizer(encoder, PlaceMemory("other", encoder.descriptor_size), PlaceRecognitionParameters())


def test_a_parameter_out_of_range_is_named(encoder: BirdsEyeEncoder) -> None:
    with pytest.raises(ValueError, match="parameter places = 0"):
        PlaceRecognizer(
            encoder, PlaceMemory(encoder.sha256, encoder.descriptor_size), PlaceRecognitionParameters(places=0)
        )


def test_the_baseline_serves_the_same_pipeline(encoder: BirdsEyeEncoder, look: Look) -> None:
    baseline = FourierEncoder(encoder)
    recognizer = PlaceRecognizer(
        baseline, PlaceMemory(baseline.sha256, baseline.descriptor_size), PlaceRecognitionParameters()
    )
    add_scenes(recognizer, look)
    assert recognizer.recognise(recognizer.observe(look(3, np.eye(4)))).candidates[0] == 3
