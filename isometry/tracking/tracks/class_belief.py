"""Which class an object is: what its detections say together. A detector may change its mind."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Belief = Mapping[str, float]
"""Weight by class name in small letters."""

REMEMBERED = 0.95  # share of a belief that is kept from one detection to the next: after 20, a new class is believed
CONFUSED = 0.05  # probability that a detector gives an object a class that it never gave it before


def believed(belief: Belief, votes: Belief) -> dict[str, float]:
    """The belief after a detection whose classes have the probabilities `votes`."""
    after = {label: REMEMBERED * weight for label, weight in belief.items()}
    for label, probability in votes.items():
        after[label] = after.get(label, 0.0) + probability
    return after


def likeliest(belief: Belief) -> str:
    """The class of the largest weight; of equal ones, the first in the alphabet."""
    return min(belief, key=lambda label: (-belief[label], label))


def log_agreement(belief: Belief, votes: Belief) -> float:
    """Log probability that an object of this belief is detected as one of the classes of `votes`, against its own."""
    share = sum(belief.get(label, 0.0) for label in votes) / max(sum(belief.values()), 1e-9)
    return float(np.log(np.clip(share, CONFUSED, 1.0)))
