"""The motion of a camera with depth, top to bottom.

    colour, depth -> lenses straightened, depth moved into the view of the colour                       frame.py
    the same images again, or nothing in them -> frozen, bad_input: told, and nothing moves
    pose expected at constant velocity                                                                  motion_prior.py
    -> corners of the keyframe followed, or features matched: a guess                                   tracking.py
    -> corners and surfaces together: the pose, its information, and whether it is believed             alignment.py
    not believed -> the camera is looked for in all keyframes; not found -> lost, the motion is predicted
    lost for LOST_S -> the map goes on where the camera is thought to be: unmapped, until something seen ties it
    little in common with the keyframe -> an older one that shows more, or a new one
    new keyframe -> related to its neighbours and to where it was before; all poses of the map          keyframe_map.py

The odometry adds up motions that were seen, and never jumps (chain.py). What relations between keyframes correct is in
T_map_odom.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from isometry.arrays import Array
from isometry.depth_egomotion.alignment import Prior, motion_of
from isometry.depth_egomotion.chain import Chain
from isometry.depth_egomotion.delay import Delay
from isometry.depth_egomotion.frame import rectified
from isometry.depth_egomotion.keyframe import Observed, keyframe_of
from isometry.depth_egomotion.keyframe_map import KeyframeMap
from isometry.depth_egomotion.motion_prior import MotionPrior
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.tracking import COVARIANCE_SCALE, Tracked, track
from isometry.depth_egomotion.types import CameraFrame, EgoMotionStep
from isometry.geometry import covariance, se3

LEAST_CORNERS, LEAST_OVERLAP = 0.45, 0.65  # shares of the keyframe in sight, below which another one is needed
# from the keyframe: radians, and metres over the distance of what it shows
MOST_TURN, MOST_WAY = np.radians(15.0), 0.15
STEP_FLOOR = covariance.independent(0.0015, 0.001)  # of one motion
UNHELD_M, UNHELD_RAD = 0.05, 0.05  # standard deviations above which nothing that is seen holds the motion
EXTRAPOLATED_S = 0.3  # that a velocity is believed to last
POSSIBLE = 3.0  # standard deviations by which a motion that the map tells may miss the prediction
SURPRISE = 2.0  # standard deviations by which a guess may miss the prediction, until that counts less
LOST_S = 1.5  # seconds until the map goes on where the camera is thought to be
LATE_TOLD = 0.0005  # metres and radians between the colour and the depth image, above which the depth is moved
CORRECTED_M, CORRECTED_RAD = 0.005, 0.003  # changes of T_map_odom that are told


class Verdict(NamedTuple):
    """What became of a frame."""

    state: str
    reason: str = ""
    keyframe: bool = False
    found_again: bool = False


class RgbdEgoMotion:
    """Follows a camera with depth; see the head of this file."""

    name = "rgbd"

    def __init__(self, parameters: EgoMotionParameters, keyframes: KeyframeMap | None = None) -> None:
        """`keyframes` is a map of before, in which the camera is looked for."""
        self.parameters, self._given = parameters, keyframes
        self.reset()

    def reset(self) -> None:
        """Start again: the next frame is the first of a new odometry."""
        self.map = self._given or KeyframeMap(self.parameters.keyframes_kept)
        self._prior, self._delay = MotionPrior(), Delay()
        self._before: Observed | None = None
        self._chain: Chain | None = None
        self._pose_ns = 0  # stamp of the last frame whose pose was found or predicted
        self._lost_since_ns: int | None = None
        self._frames: list[tuple[int | None, Array]] = []  # keyframe (None: none yet), and T_keyframe_camera

    def optimised(self) -> Sequence[Array]:
        """T_map_camera (4,4) of each frame so far, by all that is known now."""
        in_map = self.map.graph.in_map
        return [T if number is None else in_map(number, T) for number, T in self._frames]

    def process(self, frame: CameraFrame, stamp_ns: int) -> EgoMotionStep:
        """One frame, newer than the one before. See `EgoMotion`."""
        began_s = time.perf_counter()
        if frame.depth is None:
            raise ValueError("there is no depth with the image: it takes the method `mono`")
        if self._before is not None and stamp_ns <= self._before.stamp_ns:
            raise ValueError(f"a frame of stamp {stamp_ns} ns came after one of {self._before.stamp_ns} ns")
        observed = Observed(rectified(frame), stamp_ns, self.parameters.max_depth)
        chain = self._chain or Chain.begun(0, np.eye(4), np.zeros((6, 6)))
        self._step_covariance = np.zeros((6, 6))  # of this frame, relative to the keyframe of the last one
        T_map_odom = self._T_map_odom(chain)
        if self._before is not None and observed.same_as(self._before):
            verdict = Verdict("frozen", "the images are those of the frame before, bit by bit")
        elif not observed.shows_something:
            verdict = Verdict("bad_input", "there is neither depth nor anything to see in the image")
        elif self._chain is None:
            verdict = self._begin(observed)
        else:
            verdict = self._follow(observed, frame.depth_delay_s, self._chain)
        now = self._chain or chain
        if verdict.state in ("frozen", "bad_input"):
            unseen = self._prior.sigma((stamp_ns - self._pose_ns) * 1e-9)
            self._step_covariance = np.diag(unseen**2) if self._chain is not None else self._step_covariance
        else:
            self._pose_ns = stamp_ns
        self._before = observed
        self._frames.append((None if self._chain is None else now.keyframe, now.T_keyframe_camera))
        T_before_camera = se3.inverse(chain.T_odom_camera) @ now.T_odom_camera
        of_step = covariance.propagated(chain.camera_covariance, T_before_camera) + self._step_covariance
        return EgoMotionStep(
            T_odom_camera=now.T_odom_camera,
            covariance=covariance.rotated(now.covariance, now.T_odom_camera[:3, :3]),
            T_before_camera=T_before_camera,
            motion_covariance=STEP_FLOOR + of_step,
            T_map_odom=self._T_map_odom(now),
            state=verdict.state,
            reason=verdict.reason,
            keyframe=verdict.keyframe,
            corrected=self._corrected(T_map_odom, self._T_map_odom(now), verdict),
            scale_sigma=0.0,
            seconds=time.perf_counter() - began_s,
        )

    def _begin(self, observed: Observed) -> Verdict:
        """The first frame: the first keyframe, or one of the map that was given."""
        if not observed.surfaces.known.any():
            return Verdict("bad_input", "nothing is measured in the first depth image")
        if not len(self.map):
            number = self.map.add(keyframe_of(observed), np.eye(4))
            self._chain = Chain.begun(number, np.eye(4), np.zeros((6, 6)))
            return Verdict("ok", keyframe=True)
        located = self.map.locate(observed, first_part=True)
        if located is None or located.rival is not None:
            return Verdict("lost", "the camera is not found in the map yet")
        tracked = located.tracked
        self._chain = Chain.begun(located.keyframe, tracked.T_keyframe_camera, tracked.covariance)
        return Verdict("ok", found_again=True)

    def _follow(self, observed: Observed, depth_delay_s: float, chain: Chain) -> Verdict:
        """The pose of a frame relative to the keyframe of the one before."""
        seconds = (observed.stamp_ns - self._pose_ns) * 1e-9
        T_before, motion = chain.T_keyframe_camera, self._prior.predicted(min(seconds, EXTRAPOLATED_S))
        predicted = chain.moved(
            T_before @ motion,
            covariance.propagated(chain.camera_covariance, motion) + np.diag(self._prior.sigma(seconds) ** 2),
        )
        information = np.asarray(COVARIANCE_SCALE * np.linalg.inv(predicted.camera_covariance), np.float64)
        sigmas = np.sqrt(np.diag(predicted.camera_covariance))

        def prior_of(guess: Array) -> Prior:
            velocity = motion_of(se3.inverse(T_before) @ guess) / seconds
            # a motion that the image shows is not pulled back to where the camera should be
            missed = np.abs(motion_of(se3.inverse(predicted.T_keyframe_camera) @ guess)) / sigmas
            believed = min(1.0, (SURPRISE / max(float(missed.max()), 1e-9)) ** 2)
            late = self._delay.expected(velocity, depth_delay_s)
            return Prior(predicted.T_keyframe_camera, believed * information, *late)

        keyframe = self.map.keyframes[chain.keyframe]
        tracked = track(keyframe, observed, [predicted.T_keyframe_camera, T_before], prior_of)
        if tracked.doubt:
            return self._recover(observed, chain, predicted, tracked.doubt)
        self._chain = chain.moved(tracked.T_keyframe_camera, tracked.covariance)
        self._step_covariance = tracked.covariance
        self._prior.measured(se3.inverse(T_before) @ tracked.T_keyframe_camera, seconds)
        self._delay.learn(tracked.alignment.late, self._prior.velocity, depth_delay_s)
        self._lost_since_ns = None
        self.map.measure_again(chain.keyframe, observed, tracked)
        became = self._choose_keyframe(observed, tracked)
        return self._seen(tracked, became)

    def _seen(self, tracked: Tracked, became: bool = False, found_again: bool = False) -> Verdict:
        """A frame whose pose was found: whether all of it is held, and its place in the map known."""
        assert self._chain is not None
        most = np.repeat([UNHELD_M, UNHELD_RAD], 3)
        unheld = [axis for axis, free in zip(covariance.AXES, tracked.seen_sigma > most, strict=True) if free]
        if unheld:
            why = f"nothing seen holds {', '.join(unheld)} of the camera"
            return Verdict("unconstrained", why, became, found_again)
        if not self.map.together(0, self._chain.keyframe):
            why = "the camera is followed; where it is in the map is not known since a loss"
            return Verdict("unmapped", why, became, found_again)
        return Verdict("ok", "", became, found_again)

    def _recover(self, observed: Observed, chain: Chain, predicted: Chain, doubt: str) -> Verdict:
        """A frame that does not fit to its keyframe: found by another one, or lost."""
        located = self.map.locate(observed)
        if located is None or located.rival is not None:
            self._chain, self._step_covariance = predicted, predicted.camera_covariance
            self._prior.fading()
            self._lost_since_ns = self._lost_since_ns or observed.stamp_ns
            if (observed.stamp_ns - self._lost_since_ns) * 1e-9 > LOST_S:
                return self._go_on(observed, predicted)
            return Verdict("lost", doubt if located is None else "two places of the map look like the image")
        T_map_before = self.map.graph.in_map(chain.keyframe, chain.T_keyframe_camera)
        T_before_camera = se3.inverse(T_map_before) @ located.T_map_camera
        T = chain.T_keyframe_camera @ T_before_camera
        missed = np.abs(motion_of(se3.inverse(predicted.T_keyframe_camera) @ T))
        possible = bool(np.all(missed < POSSIBLE * np.sqrt(np.diag(predicted.camera_covariance + located.covariance))))
        known = self._lost_since_ns is None and self.map.together(chain.keyframe, located.keyframe) and possible
        if known:  # the map tells the motion since the last frame
            moved = covariance.propagated(chain.camera_covariance, T_before_camera) + located.covariance
            predicted = chain.moved(T, moved)
        self._step_covariance = predicted.camera_covariance
        tracked = located.tracked
        self._chain = predicted.held_by(located.keyframe, tracked.T_keyframe_camera, tracked.covariance)
        self._prior.reset()
        self._lost_since_ns = None
        return self._seen(tracked, found_again=not known)

    def _go_on(self, observed: Observed, predicted: Chain) -> Verdict:
        """After a long loss the map goes on at a place that is not known, until a loop tells it."""
        if not observed.serves_as_keyframe:
            return Verdict("lost", "there is no depth with the image, or nothing to see in it")
        T_map_camera = self.map.graph.in_map(predicted.keyframe, predicted.T_keyframe_camera)
        number = self.map.go_on(keyframe_of(observed), predicted.keyframe, T_map_camera)
        self._chain = predicted.held_by(number, np.eye(4), np.zeros((6, 6)))
        self._prior.reset()
        self._lost_since_ns = None
        return Verdict("lost", "the map goes on here, where the camera is only thought to be", keyframe=True)

    def _choose_keyframe(self, observed: Observed, tracked: Tracked) -> bool:
        """Go on from another keyframe when the camera has left this one; whether it is a new one."""
        assert self._chain is not None
        chain = self._chain
        keyframe = self.map.keyframes[chain.keyframe]
        T = tracked.T_keyframe_camera
        near = np.linalg.norm(T[:3, 3]) < MOST_WAY * keyframe.distance and se3.rotation_angle(T) < MOST_TURN
        seen = tracked.alignment.corners.agree >= LEAST_CORNERS * len(keyframe.points)
        if (near and seen and keyframe.overlap(T) > LEAST_OVERLAP) or not observed.serves_as_keyframe:
            return False
        T_map_camera = self.map.graph.in_map(chain.keyframe, T)
        again = self.map.seen_again(observed, T_map_camera, chain.keyframe)
        if again is not None:
            number, there = again
            self.map.relate(chain.keyframe, number, T @ se3.inverse(there.T_keyframe_camera), tracked, there)
            self._chain = chain.held_by(number, there.T_keyframe_camera, there.covariance)
            return False
        if np.linalg.norm(tracked.alignment.late) > LATE_TOLD:
            observed = observed.with_depth_moved(tracked.alignment.T_colour_depth)
        number = self.map.extend(keyframe_of(observed), observed, chain.keyframe, tracked, self.parameters.loops)
        self._chain = chain.held_by(number, np.eye(4), np.zeros((6, 6)))
        return True

    def _T_map_odom(self, chain: Chain) -> Array:
        if not len(self.map):
            return np.eye(4)
        return self.map.graph.in_map(chain.keyframe, se3.inverse(chain.T_odom_keyframe))

    @staticmethod
    def _corrected(before: Array, now: Array, verdict: Verdict) -> str:
        """How T_map_odom was changed, if it was."""
        metres, radians = se3.distance(before, now)
        if verdict.found_again:
            return "found again"
        return "loop" if metres > CORRECTED_M or radians > CORRECTED_RAD else ""
