"""The motion of a camera with depth, top to bottom.

    colour, depth -> lenses straightened, depth moved into the view of the colour                       frame.py
    pose expected at constant velocity                                                                  motion_prior.py
    -> corners of the keyframe followed, or features matched: a guess                                   tracking.py
    -> corners and surfaces together: the pose, its information, and whether it is believed             alignment.py
    not believed -> the camera is looked for in all keyframes; not found -> lost, the motion is predicted
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
MOST_TURN, MOST_WAY = (
    np.radians(15.0),
    0.15,
)  # from the keyframe: radians, and metres over the distance of what it shows
STEP_FLOOR = covariance.independent(0.0015, 0.001)  # of one motion
UNHELD_M, UNHELD_RAD = 0.05, 0.05  # standard deviations above which nothing that is seen holds the motion
LOST_S = 1.5  # seconds until the map goes on where the camera is thought to be
LATE_TOLD = 0.0005  # metres and radians between the colour and the depth image, above which the depth is moved
CORRECTED_M, CORRECTED_RAD = 0.005, 0.003  # changes of T_map_odom that are told
AXES = ("x", "y", "z", "roll", "pitch", "yaw")


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
        self._seen_ns = self._lost_ns = 0  # stamps of the last frame that was not lost, and of the first that is
        self._frames: list[tuple[int | None, Array]] = []  # keyframe (None: none yet), and T_keyframe_camera

    def optimised(self) -> Sequence[Array]:
        """T_map_camera (4,4) of each frame so far, by all that is known now."""
        T_map_keyframe = self.map.graph.T_map_keyframe
        return [T if number is None else T_map_keyframe[number] @ T for number, T in self._frames]

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
        self._before = observed
        self._frames.append((None if self._chain is None else now.keyframe, now.T_keyframe_camera))
        T_before_camera = se3.inverse(chain.T_odom_camera) @ now.T_odom_camera
        return EgoMotionStep(
            now.T_odom_camera,
            covariance.rotated(now.covariance, now.T_odom_camera[:3, :3]),
            T_before_camera,
            STEP_FLOOR + covariance.propagated(chain.camera_covariance, T_before_camera) + self._step_covariance,
            self._T_map_odom(now),
            verdict.state,
            verdict.reason,
            verdict.keyframe,
            self._corrected(T_map_odom, self._T_map_odom(now), verdict),
            0.0,
            time.perf_counter() - began_s,
        )

    def _begin(self, observed: Observed) -> Verdict:
        """The first frame: the first keyframe, or one of the map that was given."""
        self._seen_ns = observed.stamp_ns
        if not observed.surfaces.known.any():
            return Verdict("bad_input", "nothing is measured in the first depth image")
        if not len(self.map):
            number = self.map.add(keyframe_of(observed), np.eye(4))
            self._chain = Chain.begun(number, np.eye(4), np.zeros((6, 6)))
            return Verdict("ok", keyframe=True)
        located = self.map.locate(observed)
        if located is None or located.rival is not None:
            return Verdict("lost", "the camera is not found in the map yet")
        tracked = located.tracked
        self._chain = Chain.begun(located.keyframe, tracked.T_keyframe_camera, tracked.covariance)
        return Verdict("ok", found_again=True)

    def _follow(self, observed: Observed, depth_delay_s: float, chain: Chain) -> Verdict:
        """The pose of a frame relative to the keyframe of the one before."""
        assert self._before is not None
        seconds = (observed.stamp_ns - self._before.stamp_ns) * 1e-9
        T_before, motion = chain.T_keyframe_camera, self._prior.predicted(seconds)
        predicted = chain.moved(
            T_before @ motion,
            covariance.propagated(chain.camera_covariance, motion) + np.diag(self._prior.sigma(seconds) ** 2),
        )
        information = np.asarray(COVARIANCE_SCALE * np.linalg.inv(predicted.camera_covariance), np.float64)

        def prior_of(guess: Array) -> Prior:
            velocity = motion_of(se3.inverse(T_before) @ guess) / seconds
            return Prior(predicted.T_keyframe_camera, information, *self._delay.expected(velocity, depth_delay_s))

        keyframe = self.map.keyframes[chain.keyframe]
        tracked = track(keyframe, observed, [predicted.T_keyframe_camera, T_before], prior_of)
        if tracked.doubt:
            return self._recover(observed, chain, predicted, tracked.doubt)
        self._chain = chain.moved(tracked.T_keyframe_camera, tracked.covariance)
        self._step_covariance = tracked.covariance
        self._prior.measured(se3.inverse(T_before) @ tracked.T_keyframe_camera, seconds)
        self._delay.learn(tracked.alignment.late, self._prior.velocity, depth_delay_s)
        self._seen_ns = observed.stamp_ns
        self.map.measure_again(chain.keyframe, observed, tracked)
        became = self._choose_keyframe(observed, tracked)
        unheld = [
            axis
            for axis, sigma, most in zip(
                AXES, np.sqrt(np.diag(tracked.covariance)), [UNHELD_M] * 3 + [UNHELD_RAD] * 3, strict=True
            )
            if sigma > most
        ]
        if unheld:
            return Verdict("unconstrained", f"nothing seen holds {', '.join(unheld)} of the camera", became)
        if not self.map.together(0, chain.keyframe):
            return Verdict(
                "unmapped", "the camera is followed; where it is in the map is not known since a loss", became
            )
        return Verdict("ok", keyframe=became)

    def _recover(self, observed: Observed, chain: Chain, predicted: Chain, doubt: str) -> Verdict:
        """A frame that does not fit to its keyframe: found by another one, or lost."""
        assert self._before is not None
        located = self.map.locate(observed)
        was_lost = self._seen_ns != self._before.stamp_ns
        if located is None or located.rival is not None:
            self._chain, self._step_covariance = predicted, predicted.camera_covariance
            self._prior.fading()
            self._lost_ns = self._lost_ns if was_lost else observed.stamp_ns
            if (observed.stamp_ns - self._lost_ns) * 1e-9 > LOST_S:
                return self._go_on(observed, predicted)
            return Verdict("lost", doubt if located is None else "two places of the map look like the image")
        T = located.tracked.T_keyframe_camera
        known = not was_lost and self.map.together(chain.keyframe, located.keyframe)
        if known:  # the map tells the motion since the last frame
            T_map_before = self.map.graph.T_map_keyframe[chain.keyframe] @ chain.T_keyframe_camera
            T_before_camera = se3.inverse(T_map_before) @ located.T_map_camera
            moved = covariance.propagated(chain.camera_covariance, T_before_camera) + located.tracked.covariance
            predicted = chain.moved(chain.T_keyframe_camera @ T_before_camera, moved)
        self._step_covariance = predicted.camera_covariance
        self._chain = predicted.held_by(located.keyframe, T, located.tracked.covariance)
        self._prior.reset()
        self._seen_ns = observed.stamp_ns
        return Verdict("ok", found_again=not known)

    def _go_on(self, observed: Observed, predicted: Chain) -> Verdict:
        """After a long loss the map goes on at a place that is not known, until a loop tells it."""
        if not observed.serves_as_keyframe:
            return Verdict("lost", "there is no depth with the image, or nothing to see in it")
        T_map_camera = self.map.graph.T_map_keyframe[predicted.keyframe] @ predicted.T_keyframe_camera
        number = self.map.go_on(keyframe_of(observed), predicted.keyframe, T_map_camera)
        self._chain = predicted.held_by(number, np.eye(4), np.zeros((6, 6)))
        self._prior.reset()
        self._seen_ns = observed.stamp_ns
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
        T_map_camera = self.map.graph.T_map_keyframe[chain.keyframe] @ T
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
        return np.asarray(self.map.graph.T_map_keyframe[chain.keyframe] @ se3.inverse(chain.T_odom_keyframe))

    @staticmethod
    def _corrected(before: Array, now: Array, verdict: Verdict) -> str:
        """How T_map_odom was changed, if it was."""
        metres, radians = se3.distance(before, now)
        if verdict.found_again:
            return "found again"
        return "loop" if metres > CORRECTED_M or radians > CORRECTED_RAD else ""
