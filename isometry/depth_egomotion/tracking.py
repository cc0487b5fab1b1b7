"""The pose of a camera relative to a keyframe: a guess by corners and features, made precise, and judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.depth_egomotion.alignment import NO_CORNERS, Alignment, Corners, Prior, align
from isometry.depth_egomotion.features import matched, pose_of
from isometry.depth_egomotion.keyframe import Keyframe, Observed
from isometry.geometry import covariance, se3

UNSEEN = 8.0  # information of a direction that nothing holds: a metre, or a radian
SYSTEMATIC = 0.03  # error of a motion relative to itself: of calibrations, and of depth that is not where the colour is
COVARIANCE_SCALE = 8.0  # measurements err in common by more than `alignment` allows for
CORNER_PIXELS = 3.0  # by which a corner may miss the pose
ENOUGH = 60  # corners that agree on a guess, so that no other is looked for
ENOUGH_SHARE = 0.4  # of the keyframe's corners that are in sight
FEWEST_CORNERS = 15  # for a pose that is believed because of them
CORNER_SHARE = 0.3  # of those that were followed, to agree with the pose
SAME_CAMERA = 0.002  # relative difference of focal lengths and centres
TEXTURED = 100  # features, of an image in which corners should be found
FEWEST_SURFACES = 150  # blocks, for a pose that is believed because of them
SURFACE_SHARE = 0.5  # of the blocks in sight, to agree with the pose
SURFACE_SHARE_ALONE = 0.7  # the same where no corners agree


@dataclass(frozen=True, eq=False)
class Tracked:
    """A pose relative to a keyframe, and whether it is believed."""

    alignment: Alignment
    followed: int  # corners
    distance: float  # metres, of what the keyframe shows
    doubt: str  # why it is not believed; empty where it is

    @property
    def T_keyframe_camera(self) -> Array:
        """(4,4)."""
        return self.alignment.T_reference_camera

    @property
    def covariance(self) -> Array:
        """Of it (6,6), along the camera's axes."""
        T = self.T_keyframe_camera
        away, turned = float(np.linalg.norm(T[:3, 3])), se3.rotation_angle(T)
        systematic = covariance.independent(SYSTEMATIC * away, SYSTEMATIC * (away / self.distance + turned))
        return np.asarray(COVARIANCE_SCALE * np.linalg.inv(self.alignment.information) + systematic)

    @property
    def seen_sigma(self) -> Array:
        """Standard deviations (6,), metres and radians, by what is seen alone; large where nothing holds the camera."""
        seen = self.alignment.measured + UNSEEN * np.eye(6)
        return np.sqrt(COVARIANCE_SCALE * np.diag(np.linalg.inv(seen)))


def track(
    keyframe: Keyframe,
    observed: Observed,
    starts: Sequence[Array],
    prior_of: Callable[[Array], Prior],
    search: bool = True,
) -> Tracked:
    """The pose of what is observed; `starts` (4,4) are guesses of T_keyframe_camera, the best one first.

    `prior_of` gives the prior for a guess of the pose by the colour image. With `search`, features are matched where no
    start leads to enough corners.
    """
    matrix = observed.frame.matrix
    if keyframe.grey.shape != observed.frame.shape:
        sizes = [f"{columns}x{rows}" for rows, columns in (observed.frame.shape, keyframe.grey.shape)]
        raise ValueError("the image is {}, and the map was made with images of {}".format(*sizes))
    if not np.allclose(keyframe.matrix, matrix, rtol=SAME_CAMERA):
        raise ValueError("the camera has another focal length or centre than the one that made the map")
    T_best, best, followed = starts[0], NO_CORNERS, 0
    for start in starts:
        T_best, best, followed = _better(keyframe, observed, start, (T_best, best, followed))
        if _enough(keyframe, best):
            break
    if search and not _enough(keyframe, best):
        found = pose_of(matched(keyframe.features, observed.features), matrix)
        if found is not None:
            T_best, best, followed = _better(keyframe, observed, found[0], (T_best, best, followed))
    prior = prior_of(T_best)
    alignments = [align(observed.surfaces, keyframe.surfaces, best, matrix, T_best, prior)]
    if len(best.points) < FEWEST_CORNERS:  # only surfaces: they may slide to a wrong place from one start or another
        alignments += [align(observed.surfaces, keyframe.surfaces, best, matrix, start, prior) for start in starts[1:]]
    chosen = max(alignments, key=lambda each: each.surfaces.agree + each.corners.agree)
    textured = len(keyframe.features.pixels) >= TEXTURED and not _by_corners(chosen, followed)
    if textured and len(observed.features.pixels) >= TEXTURED:
        doubt = "what the image shows is not where the surfaces of the keyframe put it"
    else:
        doubt = _doubt(chosen, followed)
    return Tracked(chosen, followed, keyframe.distance, doubt)


def _better(
    keyframe: Keyframe, observed: Observed, start: Array, before: tuple[Array, Corners, int]
) -> tuple[Array, Corners, int]:
    """The pose by corners near a guess, those that agree, and how many were followed; or what was known before."""
    corners = keyframe.followed(observed.frame.grey, start)
    found = pose_of(corners, observed.frame.matrix, CORNER_PIXELS)
    if found is None or len(found[1].points) <= len(before[1].points):
        return before
    return found[0], found[1], len(corners.points)


def _enough(keyframe: Keyframe, corners: Corners) -> bool:
    return len(corners.points) >= min(ENOUGH, ENOUGH_SHARE * len(keyframe.points)) and len(corners.points) > 0


def _by_corners(alignment: Alignment, followed: int) -> bool:
    """Whether enough corners agree with a pose, of those that were followed."""
    return alignment.corners.agree >= max(FEWEST_CORNERS, CORNER_SHARE * followed)


def _doubt(alignment: Alignment, followed: int) -> str:
    """Why a pose is not believed."""
    corners, surfaces = alignment.corners, alignment.surfaces
    by_corners = _by_corners(alignment, followed)
    if not by_corners and surfaces.agree < FEWEST_SURFACES:
        return f"{corners.agree} corners and {surfaces.agree} surfaces of the keyframe are seen"
    least = SURFACE_SHARE if by_corners else SURFACE_SHARE_ALONE
    if surfaces.of >= FEWEST_SURFACES and alignment.surface_share < least:
        return f"{alignment.surface_share:.0%} of the surfaces in sight are where the keyframe shows them"
    return ""
