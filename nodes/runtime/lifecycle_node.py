"""The base of every node: lifecycle, named states, diagnostics once a second, and a worker for the newest message."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible
from rclpy.subscription import Subscription
from rclpy.task import Future

from isometry.inference import ModelMismatchError
from isometry.nodes.runtime import diagnostics, parameters
from isometry.nodes.runtime.diagnostics import State
from isometry.nodes.runtime.quality_of_service import reliable
from isometry.nodes.runtime.worker import NewestWorker

OVERLOADED_FRACTION = 0.1
"""Of the messages of the last second: the fraction dropped from which a node calls itself overloaded."""
FOREIGN_CLOCK_S = 60.0
"""A latency beyond this means that stamps are not of the node's clock."""


class PerceptionNode(LifecycleNode):
    """A lifecycle node that stays up whatever happens, and says in /diagnostics what is wrong and what to do.

    A subclass overrides `configure` (parameters, models, publishers, services), `activate` (subscriptions),
    `deactivate`, `cleanup`, `work` (one message, on the worker's thread) and `diagnose`.
    """

    def __init__(self, name: str, kinds: Sequence[tuple[str, type]]) -> None:
        """`kinds` are (prefix, parameter dataclass). Raises ValueError naming a parameter with a bad value."""
        super().__init__(name)
        for prefix, kind in kinds:
            parameters.declare(self, kind, prefix)
        self.statistics = diagnostics.Statistics()
        self.worker: NewestWorker[tuple[Any, float]] = NewestWorker(self._work_and_count, self._failed)
        self.found = State()  # of the last message
        self._configured_state = State("no_input", "not configured")
        self._active = False
        self.releases: list[Callable[[], object]] = []  # what `cleanup` calls, the newest first
        self._last_input_s = self._reported_s = time.monotonic()
        self._reported_received = self._reported_dropped = 0
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", reliable())
        # On a steady clock: a node must report even when /clock stands still.
        self._heartbeat = self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # What a subclass provides.
    def configure(self) -> None:
        """Take what the node needs. Raises ValueError or OSError, in one line, when something does not fit."""

    def activate(self) -> None:
        """Subscribe."""

    def deactivate(self) -> None:
        """Unsubscribe."""

    def cleanup(self) -> None:
        """Give back everything that `configure` took; must bear being called after half of it.

        Here: what is in `releases`. A subclass that took more goes on from there.
        """
        while self.releases:
            self.releases.pop()()

    def advertise(self, kind: type, topic: str, profile: QoSProfile) -> Any:
        """A publisher that is given back on cleanup."""
        publisher: Any = self.create_publisher(kind, topic, profile)
        self.releases.append(partial(self.destroy_publisher, publisher))
        return publisher

    def work(self, message: Any, received_s: float) -> State:
        """Use one message, on the worker's thread. `received_s` is of time.monotonic()."""
        raise NotImplementedError

    def inputs(self) -> Sequence[Subscription]:
        """Subscriptions that the node cannot do without."""
        return ()

    def diagnose(self) -> tuple[State, Mapping[str, object]]:
        """The node's own state when nothing else is wrong, and its own figures."""
        return State(), {}

    # Lifecycle.
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Model and parameters; what does not fit is a FAILURE with one line."""
        try:
            self.configure()
        except (ValueError, OSError) as error:
            word = "model_mismatch" if isinstance(error, ModelMismatchError) else "bad_input"
            self._configured_state = State(word, " ".join(str(error).split()))
            self.get_logger().error(self._configured_state.message)
            self.cleanup()
            return TransitionCallbackReturn.FAILURE
        self._configured_state = State("no_input", "not active")
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to listen and to work."""
        self.found = State()
        self._last_input_s = time.monotonic()
        self.worker.start()
        self.activate()
        self._active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening, and finish what is in work."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give back models, publishers and services."""
        self.cleanup()
        self._configured_state = State("no_input", "not configured")
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As deactivate and cleanup."""
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Finish what is in work and give everything back."""
        self._stop()
        self.cleanup()

    def _stop(self) -> None:
        if self._active:
            self._active = False
            self.deactivate()
            self.worker.stop()

    # Messages.
    def enqueue(self, message: Any) -> None:
        """The callback of the main input: queue and return."""
        self._last_input_s = time.monotonic()
        self.statistics.received()
        self.worker.put((message, self._last_input_s))

    def published(self, stamp_ns: int, received_s: float) -> None:
        """Count a result that has gone out, by its input's stamp and arrival."""
        latency_s = (self.get_clock().now().nanoseconds - stamp_ns) * 1e-9
        self.statistics.published(latency_s, time.monotonic() - received_s)

    async def on_worker(self, job: Callable[[], Any]) -> Any:
        """Result of `job`, run between messages on the worker's thread; the executor goes on meanwhile.

        Await it in callbacks of a callback group of their own: the others of a group wait for it.
        """
        future: Future = Future(executor=self.executor)

        def run() -> None:
            try:
                future.set_result(job())
            except Exception as error:
                future.set_exception(error)
            if self.executor is not None:
                self.executor.wake()  # a finished future alone does not wake an executor that waits for messages

        self.worker.submit(run)
        return await future

    def _work_and_count(self, item: tuple[Any, float]) -> None:
        self.found = self.work(*item)
        if self.found.word != "ok":
            self.get_logger().warning(self.found.message, throttle_duration_sec=5.0)

    def _failed(self, error: Exception) -> None:
        self.found = State("bad_input", f"{type(error).__name__}: {error}")
        self.get_logger().error(self.found.message, throttle_duration_sec=5.0)

    # Diagnostics.
    def _report(self) -> None:
        now_s = time.monotonic()
        figures: dict[str, object] = {**self.statistics.report(now_s - self._reported_s), "drops": self.worker.dropped}
        overloaded = self._overloaded(figures)
        self._reported_s = now_s
        own_state, own_figures = self.diagnose()
        latency_ms = figures.get("latency_p50_ms", 0.0)
        if isinstance(latency_ms, float) and abs(latency_ms) > FOREIGN_CLOCK_S * 1e3:
            figures["latency_note"] = "stamps are not of this node's clock: set use_sim_time and play with a /clock"
        if not self._active:
            state = self._configured_state
        elif now_s - self._last_input_s > 2.0:
            state = State("no_input", "; ".join(self._silence(subscription) for subscription in self.inputs()))
        elif self.found.word != "ok":
            state = self.found
        else:
            state = overloaded if own_state.word == "ok" and overloaded.word != "ok" else own_state
        name = f"{self.get_fully_qualified_name().lstrip('/')}: status"
        status = diagnostics.to_status(name, self.get_name(), state, {**figures, **own_figures})
        self._diagnostics.publish(diagnostics.to_array(status, self.get_clock().now().to_msg()))

    def _overloaded(self, figures: Mapping[str, object]) -> State:
        received, dropped = int(str(figures["received"])), self.worker.dropped
        new, new_dropped = received - self._reported_received, dropped - self._reported_dropped
        self._reported_received, self._reported_dropped = received, dropped
        if new_dropped > OVERLOADED_FRACTION * max(new, 1):
            return State("overloaded", f"{new_dropped} of the last {new} messages dropped")
        return State()

    def _silence(self, subscription: Subscription) -> str:
        """Why nothing arrives on a topic, as far as the graph tells."""
        topic, kind = subscription.topic_name, subscription.msg_type
        expected = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
        publishers = self.get_publishers_info_by_topic(topic)
        if not publishers:
            return f"nobody publishes {topic} ({expected})"
        for publisher in publishers:
            name = f"{publisher.node_namespace.rstrip('/')}/{publisher.node_name}"
            if publisher.topic_type != expected:
                return f"{topic} is published as {publisher.topic_type} by {name}, expected {expected}"
            compatibility, reason = qos_check_compatible(publisher.qos_profile, subscription.qos_profile)
            if compatibility == QoSCompatibility.ERROR:
                return f"{topic} of {name} has another quality of service: {reason}"
        return f"{topic} is published by {name}, but nothing arrives"


def run(build: Callable[[], PerceptionNode], arguments: Sequence[str] | None = None) -> int:
    """The main function of a node: build, configure and activate when `autostart` is true, spin until told to stop.

    A bad parameter ends it with one line and exit status 2; everything else is a named state of a node that stays up.
    """
    rclpy.init(args=None if arguments is None else list(arguments))
    try:
        node = build()
    except ValueError as error:
        print(f"cannot start: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 2
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if node.get_parameter("autostart").value:
            if node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
                node.trigger_activate()
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0
