"""How the own vehicle moved, from labelled objects alone: what stands still tells, and where things head.

KITTI's labels of tracking are relative to the moving vehicle, and its poses are not part of them. Everything here uses
the past only, except for the first second, so that no prediction is judged in a frame that knew the future.

    objects now -> the vehicle goes on as before -> corrected by what stands, and less by what keeps its velocity
    nothing seems to stand -> which motion explains the last second best? -> begin anew when that is another one
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry.planar import rotations, wrapped
from isometry.tracking.tracks.common_motion import common_motion

NOISE_M = 0.08  # standard deviation of a labelled position
CHANGE = np.array([0.04, 0.01, 0.006])  # of the own motion from step to step: ahead, sideways (m), turn (rad)
HEADING_NOISE = 0.03  # radians
ACCELERATION = 1.5  # metres a second squared, of others
WINDOW, EVERY = 10, 3  # steps that are explained at once; steps between two such looks
LEAST_GAIN = 12.0  # of log likelihood, from which on another motion is believed
LEAST_JUMP = np.array([0.5, 0.1])  # metres a second, radians a second
SPEEDS, TURNS = np.arange(-1.0, 36.0, 0.5), np.linspace(-0.6, 0.6, 41)  # that are tried
ANCHORED = 0.9  # share of the moments at which something that stands must be known
UNLIKELY = -9.0  # log likelihood of an object that moves as none of its class does


@dataclass(frozen=True)
class Habits:
    """How often objects of a class stand, and how fast they are ahead otherwise: metres a second, with deviations."""

    standing: float
    speed: float
    deviation: float
    aside: float = 0.4
    born_deviation: float = 8.0
    walks: bool = False  # people turn as they like, but nearly all of those who walk do so ahead


HABITS = {
    "Pedestrian": Habits(0.2, 1.3, 0.5, 0.5, 0.5, walks=True),
    "Person": Habits(0.9, 0.3, 0.5, 0.5, walks=True),
    "Cyclist": Habits(0.1, 4.5, 2.0, born_deviation=2.0),
    "Car": Habits(0.5, 9.0, 7.0),
    "Van": Habits(0.5, 9.0, 7.0),
    "Truck": Habits(0.4, 9.0, 7.0),
    "Misc": Habits(0.6, 6.0, 6.0),
    "Tram": Habits(0.3, 9.0, 6.0),
}
OTHER = Habits(0.3, 4.0, 5.0)


@dataclass(frozen=True)
class Moment:
    """The labelled objects of one frame, in the frame of the vehicle, x ahead."""

    ids: NDArray[np.int64]  # (N,)
    boxes: Array  # (N,7) as `isometry.tracking.types.BOX` says
    labels: Sequence[str]  # (N,)


@dataclass(frozen=True)
class OwnMotion:
    """Where the vehicle was, in the frame of its first moment; before and after a restart, frames do not agree."""

    poses: Array  # (T,3) x, y, yaw
    restarts: tuple[int, ...]  # moments at which another motion began to be believed
    anchored: NDArray[np.bool_]  # (T,) whether anything was known to stand: nothing else tells where the vehicle is

    @staticmethod
    def given(poses: Array) -> OwnMotion:
        """Of poses (T,3) that somebody measured."""
        return OwnMotion(poses, (), np.ones(len(poses), bool))

    def sure(self, first: int, last: int) -> bool:
        """Whether the moments from the first to the last are in one frame, which at nearly all of them was anchored."""
        known = self.anchored[max(first, 0) : last + 1]
        whole = not any(first < restart <= last for restart in self.restarts)
        return whole and len(known) > 0 and float(known.mean()) >= ANCHORED


def own_motion(moments: Sequence[Moment], step_s: float = 0.1) -> OwnMotion:
    """The motion through moments that are `step_s` apart."""
    speed, turn = _explained(moments[: WINDOW + 1], step_s)[:2]
    twist = np.array([speed, 0.0, turn]) * step_s
    pose, poses, restarts, anchored = np.zeros(3), [], [], []
    objects: dict[int, _Object] = {}
    for k, moment in enumerate(moments):
        known = [objects[i] for i in moment.ids.tolist() if i in objects]
        if k > WINDOW and k % EVERY == 0 and not any(each.stands for each in known):
            before = twist[[0, 2]] / step_s
            speed, turn, gain = _explained(moments[k - WINDOW : k + 1], step_s, before)
            if gain > LEAST_GAIN and (np.abs(np.array([speed, turn]) - before) > LEAST_JUMP).any():
                twist, objects = np.array([speed, 0.0, turn]) * step_s, {}
                restarts.append(k)
        if k:
            moved = _corrected(_composed(pose, twist), moment, objects, step_s)
            back = rotations(pose[2]).T @ (moved[:2] - pose[:2])
            pose, twist = moved, np.array([back[0], 0.0, moved[2] - pose[2]])
        poses.append(pose)
        objects = _updated(objects, moment, pose, step_s)
        anchored.append(any(each.stands and not each.habits.walks for each in objects.values()))
    return OwnMotion(np.array(poses).reshape(-1, 3), tuple(restarts), np.array(anchored, bool))


@dataclass
class _Object:
    """What is believed of an object, in the frame of the first moment."""

    habits: Habits
    place: Array  # (2,) where it stands, if it does
    seen: int  # moments that the place is the mean of
    state: Array  # (2,2) position and velocity, if it moves
    covariance: Array  # (2,2) of position and velocity, along either axis
    yaw: float
    odds: float  # logarithm, that it stands
    yaw_rate: float = 0.0
    expected_variance: float = field(default=0.0)  # of its position one step ahead, if it moves

    @property
    def standing(self) -> float:
        """Probability."""
        return float(1.0 / (1.0 + np.exp(-self.odds)))

    @property
    def stands(self) -> bool:
        """Whether that is likely, and known for a while."""
        return self.odds > 0.0 and self.seen > 3

    def see(self, place: Array, yaw: float, step_s: float) -> None:
        """Take in where it is now."""
        F, G = np.array([[1.0, step_s], [0.0, 1.0]]), np.array([0.5 * step_s**2, step_s])
        expected = F @ self.state
        P = F @ self.covariance @ F.T + ACCELERATION**2 * np.outer(G, G)
        variance = P[0, 0] + NOISE_M**2
        moved = place - expected[0]
        moves = -0.5 * moved @ moved / variance - np.log(variance)
        self.state = expected + np.outer(P[:, 0] / variance, moved)
        self.covariance = P - np.outer(P[:, 0], P[0]) / variance
        strayed = place - self.place
        variance = 1.5 * NOISE_M**2 * (1.0 + 1.0 / self.seen)
        stays = -0.5 * strayed @ strayed / variance - np.log(variance)
        self.odds = float(np.clip(0.97 * self.odds + stays - moves, -8.0, 8.0))
        self.seen = min(self.seen + 1, 30)
        self.place = self.place + strayed / self.seen
        if self.odds < -3.0:
            self.place, self.seen = place, 1
        turned = float(wrapped(np.asarray(yaw - self.yaw - self.yaw_rate * step_s)))
        self.yaw += self.yaw_rate * step_s + 0.4 * turned
        self.yaw_rate = (self.yaw_rate + 0.1 * turned / step_s) * (0.9 if self.odds > 0.0 else 1.0)
        self.foresee(step_s)

    def foresee(self, step_s: float) -> None:
        """Work out how well its next position is known."""
        ahead = np.array([1.0, step_s])
        self.expected_variance = float(ahead @ self.covariance @ ahead) + (0.7 * ACCELERATION * step_s**2) ** 2


def _born(box: Array, yaw: float, label: str) -> _Object:
    habits = HABITS.get(label, OTHER)
    ahead = np.array([np.cos(yaw), np.sin(yaw)])
    slow = habits.born_deviation < OTHER.born_deviation  # the speed of a class says something
    velocity = (1.0 - habits.standing) * habits.speed * ahead if slow else np.zeros(2)
    odds = float(np.log(habits.standing / (1.0 - habits.standing)))
    covariance = np.diag([NOISE_M**2, habits.born_deviation**2])
    return _Object(habits, box[:2], 1, np.stack([box[:2], velocity]), covariance, yaw, odds)


def _updated(objects: dict[int, _Object], moment: Moment, pose: Array, step_s: float) -> dict[int, _Object]:
    """Only those that are seen now, with what is seen of them."""
    places = moment.boxes[:, :2] @ rotations(pose[2]).T + pose[:2]
    updated = {}
    for number, place, box, label in zip(moment.ids.tolist(), places, moment.boxes, moment.labels, strict=True):
        each = objects.get(number)
        if each is None:
            each = _born(place, box[6] + pose[2], label)
            each.foresee(step_s)
        else:
            each.see(place, box[6] + pose[2], step_s)
        updated[number] = each
    return updated


def _corrected(guess: Array, moment: Moment, objects: dict[int, _Object], step_s: float) -> Array:
    """The guessed pose (3,) of the vehicle, corrected by the headings and then by the places of known objects."""
    pairs = [(box, objects[i]) for i, box in zip(moment.ids.tolist(), moment.boxes, strict=True) if i in objects]
    if not pairs:
        return guess
    deviations = CHANGE.copy()
    rigid = [(box, each) for box, each in pairs if not each.habits.walks]
    if rigid:
        turned = np.array([each.yaw + each.yaw_rate * step_s - box[6] - guess[2] for box, each in rigid])
        turned = wrapped(2.0 * turned) / 2.0  # some labels are turned round for a while
        stand = np.array([each.standing for _, each in rigid])
        weight = (0.3 + 0.7 * stand) / (HEADING_NOISE**2 + np.square(0.5 * turned))
        total = weight.sum() + 1.0 / deviations[2] ** 2
        guess = guess + np.array([0.0, 0.0, weight @ turned / total])
        deviations[2] = total**-0.5
    found, expected, variances = [], [], []
    for box, each in pairs:
        standing = np.clip(each.standing, 1e-3, 1.0 - 1e-3)
        found += [box[:2], box[:2]]
        expected += [each.place, each.state[0] + step_s * each.state[1]]
        variances += [
            NOISE_M**2 * (1.0 + 1.0 / each.seen) / standing,
            (NOISE_M**2 + each.expected_variance) / (1.0 - standing),
        ]
    in_guess = (np.array(expected) - guess[:2]) @ rotations(guess[2])
    return _composed(guess, common_motion(np.array(found), in_guess, np.array(variances), deviations))


def _explained(window: Sequence[Moment], step_s: float, before: Array | None = None) -> tuple[float, float, float]:
    """Speed ahead and yaw rate that explain best how objects moved through a window, and the gain over `before` (2,).

    Each object stands, or moves ahead as its class does, or is an exception.
    """
    moves = list(_moves(window))
    if not moves:
        return (0.0, 0.0, 0.0) if before is None else (float(before[0]), float(before[1]), 0.0)

    def surprise(speed: Array, turn: Array) -> Array:
        total = -np.logaddexp(
            np.log(0.15 / 0.2) - 0.5 * (speed / 0.2) ** 2, np.log(0.85 / 8.0) - 0.5 * ((speed - 8.0) / 8.0) ** 2
        )
        total = total + 0.5 * (turn / 0.15) ** 2 + 0.5 * (speed * turn / 3.0) ** 2
        if before is not None:
            same = -0.5 * (speed - before[0]) ** 2 - 0.5 * ((turn - before[1]) / 0.1) ** 2
            total = total - np.logaddexp(np.log(0.8) + same, np.log(0.2 / 8.0))
        for steps, first, last, label in moves:
            total = total - _likelihood(speed, turn, steps * step_s, first, last, HABITS.get(label, OTHER))
        return np.asarray(total)

    speed, turn = _least(surprise, SPEEDS, TURNS)
    speed, turn = _least(surprise, speed + np.linspace(-0.6, 0.6, 9), turn + np.linspace(-0.03, 0.03, 9))
    if before is None:
        return speed, turn, 0.0
    gain = surprise(np.asarray(before[0]), np.asarray(before[1])) - surprise(np.asarray(speed), np.asarray(turn))
    return speed, turn, float(gain)


def _moves(window: Sequence[Moment]) -> list[tuple[int, Array, Array, str]]:
    """Steps between the first and the last look at each object, the two boxes (7,), its label; short ones left out."""
    first: dict[int, tuple[int, Array]] = {}
    last: dict[int, tuple[int, Array, str]] = {}
    for k, moment in enumerate(window):
        for number, box, label in zip(moment.ids.tolist(), moment.boxes, moment.labels, strict=True):
            first.setdefault(number, (k, box))
            last[number] = (k, box, label)
    # The vehicle's motion is that through the whole window: who came later is taken to have been seen from its start
    return [
        (last[i][0] - start, box, last[i][1], last[i][2])
        for i, (start, box) in first.items()
        if last[i][0] - start >= 4
    ]


def _likelihood(speed: Array, turn: Array, time_s: float, first: Array, last: Array, habits: Habits) -> Array:
    """Logarithm, of two boxes (7,) so long apart, for each speed and yaw rate of the vehicle."""
    rate = np.where(np.abs(turn) < 1e-6, 1e-6, turn)
    angle = rate * time_s
    c, s = np.cos(angle), np.sin(angle)
    vx = (speed * s / rate + c * last[0] - s * last[1] - first[0]) / time_s
    vy = (speed * (1.0 - c) / rate + s * last[0] + c * last[1] - first[1]) / time_s
    heading = np.array([np.cos(first[6]), np.sin(first[6])])
    ahead, aside = vx * heading[0] + vy * heading[1], vy * heading[0] - vx * heading[1]
    turned = wrapped(2.0 * (last[6] + angle - first[6])) / 2.0
    small = 0.12 / time_s + 0.1
    stands = np.log(habits.standing) - 0.5 * (vx**2 + vy**2) / small**2 - 2.0 * np.log(small)
    moves = np.log(1.0 - habits.standing) - np.log(habits.aside * habits.deviation)
    moves = moves - 0.5 * (aside / habits.aside) ** 2 - 0.5 * ((ahead - habits.speed) / habits.deviation) ** 2
    if not habits.walks:  # people turn on the spot, too
        stands = stands - 0.5 * (turned / 0.05) ** 2 - np.log(0.05)
        moves = moves - 0.5 * (turned / 0.2) ** 2 - np.log(0.2)
    return np.asarray(np.logaddexp(np.logaddexp(stands, moves), UNLIKELY))


def _least(surprise: Callable[[Array, Array], Array], speeds: Array, turns: Array) -> tuple[float, float]:
    speed, turn = np.meshgrid(speeds, turns, indexing="ij")
    k = np.unravel_index(surprise(speed, turn).argmin(), speed.shape)
    return float(speed[k]), float(turn[k])


def _composed(first: Array, second: Array) -> Array:
    """The pose (3,) of one after the other."""
    return np.append(rotations(first[2]) @ second[:2] + first[:2], first[2] + second[2])
