"""Where places look the same, none is accepted, and the other one is named."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.place_recognition.encoder import BirdsEyeEncoder
from isometry.place_recognition.evidence import repetition
from isometry.place_recognition.image_alignment import BlurredImage
from isometry.place_recognition.memory import PlaceMemory
from isometry.place_recognition.parameters import PlaceRecognitionParameters
from isometry.place_recognition.pipeline import PlaceRecognizer
from isometry.sensing.birds_eye import BirdsEyeGrid, birds_eye_image

GRID = BirdsEyeGrid()


def yard(seed: int) -> Array:
    """Points (N,3) of walls around the origin, in metres; each seed another place."""
    random = np.random.default_rng(seed)
    walls = []
    for _ in range(14):
        centre, heading = random.uniform(-20.0, 20.0, 2), random.uniform(-np.pi, np.pi)
        along = np.linspace(-1.0, 1.0, 60)[:, None] * random.uniform(2.0, 6.0)
        foot = centre + along * [np.cos(heading), np.sin(heading)]
        walls += [np.column_stack([foot, np.full(len(foot), z)]) for z in np.arange(0.5, random.uniform(2.0, 6.0), 0.3)]
    return np.vstack(walls)


def recogniser(*places: tuple[int, float]) -> PlaceRecognizer:
    """Yards, each with its position along x in metres in the map."""
    encoder = BirdsEyeEncoder.load()
    memory = PlaceMemory(encoder.sha256, encoder.descriptor_size)
    recognizer = PlaceRecognizer(encoder, memory, PlaceRecognitionParameters())
    for seed, x in places:
        recognizer.add_keyframe(recognizer.observe(yard(seed)), se3.from_planar(x, 0.0, 0.0), int(x))
    return recognizer


def seen(seed: int, random: np.random.Generator) -> Array:
    """A yard from a metre beside its middle, turned, with noise."""
    T_base_yard = se3.inverse(se3.from_planar(1.0, 0.5, 2.0))
    return np.asarray(se3.apply(T_base_yard, yard(seed)) + random.normal(0.0, 0.02, (1, 3)))


def test_a_place_that_no_other_resembles_is_accepted() -> None:
    recognizer = recogniser((1, 0.0), (2, 100.0), (3, 200.0), (4, 300.0))
    match = recognizer.recognise(recognizer.observe(seen(2, np.random.default_rng(0))))
    assert match.accepted
    assert match.keyframe == 1
    assert match.reason == "ok"


def test_of_two_equal_places_neither_is_accepted_and_the_rival_is_named() -> None:
    recognizer = recogniser((1, 0.0), (2, 100.0), (3, 200.0), (2, 300.0))
    match = recognizer.recognise(recognizer.observe(seen(2, np.random.default_rng(0))))
    assert not match.accepted
    assert match.reason == "ambiguous"
    assert {match.keyframe, match.rival} == {1, 3}
    assert match.T_map_query is not None
    assert match.T_map_rival is not None
    apart = np.linalg.norm((match.T_map_query - match.T_map_rival)[:3, 3])
    assert apart == pytest.approx(200.0, abs=0.3)


def test_an_equal_storey_straight_above_is_a_rival() -> None:
    recognizer = recogniser((1, 0.0), (2, 100.0))
    above = se3.from_rotation_translation(np.eye(3), np.array([100.0, 0.0, 2.9]))
    recognizer.add_keyframe(recognizer.observe(yard(2)), above, 200)
    match = recognizer.recognise(recognizer.observe(seen(2, np.random.default_rng(0))))
    assert not match.accepted
    assert match.reason == "ambiguous"
    assert {match.keyframe, match.rival} == {1, 2}


def test_two_even_walls_repeat_themselves_and_a_yard_does_not() -> None:
    x = np.arange(-30.0, 30.0, 0.1)
    walls = np.vstack([np.column_stack([x, np.full(len(x), y), np.full(len(x), z)]) for y in (-4, 4) for z in (1, 2)])
    even, uneven = (repetition(BlurredImage(birds_eye_image(points, GRID), GRID)) for points in (walls, yard(1)))
    assert even > 0.99
    assert uneven < 0.6


def test_a_pattern_repeats_itself_at_its_period_alone() -> None:
    """Pillars 7 m apart: a shift by 7 m puts each on the next one, against the cosine counted pixel by pixel."""
    steps = 7.0 * np.arange(-3.0, 4.0)
    pillars = np.array([(x, y, z) for x in steps for y in steps for z in (1.0, 2.0)])
    assert repetition(BlurredImage(birds_eye_image(pillars, GRID), GRID)) > 0.9
