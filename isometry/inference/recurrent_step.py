"""An exported recurrent network: one step a call, the state that comes out going in again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnxruntime import InferenceSession, OrtValue

from isometry.arrays import AnyArray

State = Mapping[str, OrtValue]
STATE = ("memory", "displacement")  # inputs, in the order in which the outputs after the first one replace them


class RecurrentStep:
    """A session with the inputs `image`, `memory` and, if it reads ahead, `ahead` and `displacement`."""

    def __init__(self, session: InferenceSession, prior: float) -> None:
        """`prior` is what the memory holds before the first step."""
        self.session = session
        self.prior = prior
        self.shapes = {entry.name: entry.shape for entry in session.get_inputs()}

    @property
    def reads_ahead(self) -> bool:
        """Whether it predicts more than the next image from one state."""
        return "ahead" in self.shapes

    def start(self, batch: int = 1) -> State:
        """The state before the first step."""
        memory = np.full((batch, *self.shapes["memory"][1:]), self.prior, np.float32)
        state = {"memory": OrtValue.ortvalue_from_numpy(memory)}
        if "displacement" in self.shapes:
            still = np.zeros(self.shapes["displacement"], np.int64)
            state["displacement"] = OrtValue.ortvalue_from_numpy(still)
        return state

    def __call__(self, image: AnyArray, state: State, ahead: int = 1) -> tuple[AnyArray, State]:
        """Images (batch,1,S,S) to those `ahead` steps later, and the state after them.

        The state stays where onnxruntime has put it: copied out and in again it would cost as much as the step.
        """
        feeds = dict(state) | {"image": OrtValue.ortvalue_from_numpy(image)}
        if self.reads_ahead:
            feeds["ahead"] = OrtValue.ortvalue_from_numpy(np.array(ahead))
        predicted, *new = self.session.run_with_ort_values(None, feeds)
        return predicted.numpy(), dict(zip(STATE, new, strict=False))
