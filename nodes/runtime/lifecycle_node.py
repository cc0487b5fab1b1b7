"""The base of every node: lifecycle, named states, diagnostics once a second, and a worker for the newest message."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from rclpy.task import Future
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from threadpoolctl import threadpool_limits

from isometry.inference import ModelMismatchError
from isometry.nodes.runtime import diagnostics, messages, parameters
from isometry.nodes.runtime.diagnostics import State
from isometry.nodes.runtime.graph import why_silent
from isometry.nodes.runtime.node_parameters import NodeParameters
from isometry.nodes.runtime.quality_of_service import overridable, reliable, sensor_data
from isometry.nodes.runtime.sensor_poses import SensorPoses
from isometry.nodes.runtime.shared_memory import remove_dead_segments
from isometry.nodes.runtime.stamps import FOREIGN_CLOCK_NS, StampClock
from isometry.nodes.runtime.transform_topics import TransformBroadcaster, TransformListener
from isometry.nodes.runtime.transforms import TransformBuffer, TransformError
from isometry.nodes.runtime.worker import NewestWorker

OVERLOADED_FRACTION = 0.1
"""Of the messages of the last second: the fraction dropped from which a node calls itself overloaded."""
SILENT_S = 2.0
"""After so long without a message a node reports that it has no input."""
Own = TypeVar("Own", bound=NodeParameters, covariant=True)


class _Input(NamedTuple):
    """A message that waits for the worker."""

    message: Any
    received_s: float  # of the steady clock
    epoch: int  # how often time had restarted when it came


class PerceptionNode(LifecycleNode, Generic[Own]):
    """A lifecycle node that goes on after bad input, and reports in /diagnostics what is wrong and what to do.

    A subclass overrides `configure` (models, publishers, services), `activate` (inputs), `process` (convert a message,
    call the method), `publish` (the result) and `diagnose`. `own` has the node's own parameters.
    """

    LIVE_PARAMETERS: tuple[str, ...] = ()
    """Names of parameters that are read each time they are needed; all others when the node is configured."""

    def __init__(self, name: str, own: type[Own], kinds: Sequence[tuple[str, type]]) -> None:
        """`kinds` are (prefix, parameter dataclass) of all parameters, of which `own` are the node's own.

        Raises ValueError naming a parameter with a bad value.
        """
        super().__init__(name)
        self._own_type = own
        for prefix, kind in kinds:
            parameters.declare(self, kind, prefix)
        self._parameter_guard = parameters.Guard(self, kinds, self.LIVE_PARAMETERS)
        self._unknown_parameters = "; ".join(parameters.unknown(self))
        if self._unknown_parameters:
            self.get_logger().warning(self._unknown_parameters)
        self.own = own()
        self.transforms = TransformBuffer()
        self.statistics = diagnostics.Statistics()
        self.worker: NewestWorker[_Input] = NewestWorker(self._work, self._failed)
        self._state = State()  # after the last message
        self._configured_state = State("no_input", "not configured")
        self._active = False
        self.releases: list[Callable[[], object]] = []  # what `cleanup` calls, the newest first
        self._inputs: list[Subscription] = []  # required inputs
        self._subscribed: list[Subscription] = []  # while active
        self._service_group = MutuallyExclusiveCallbackGroup()
        self._received_s = self._last_input_s = self._reported_s = time.monotonic()
        self._reported_received = self._reported_dropped = 0
        self.stamps = StampClock()  # of the main input
        self._refused = ""  # why a message since the last report has been refused for its stamp
        self._epoch = self._epoch_at_work = 0
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", reliable())
        # On a steady clock: a node must report even when /clock does not advance.
        self._heartbeat = self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # What a subclass provides.
    def configure(self) -> None:
        """Load and advertise what the node needs.

        Raises ValueError or OSError, whose message is one line, for what a user can mend.
        """

    def activate(self) -> None:
        """Subscribe, by `subscribe_main_input` and `subscribe`."""

    def process(self, message: Any, stamp_ns: int) -> Any:
        """Convert a message and call the method, on the worker's thread; the result goes to `publish`.

        Raises TransformError and ValueError when the message cannot be used.
        """
        raise NotImplementedError

    def restart(self) -> None:
        """Called on the worker's thread before `process` when stamps have run back by more than a second."""

    def publish(self, result: Any, stamp_ns: int) -> State:
        """Publish a result, on the worker's thread; returns the node's state."""
        raise NotImplementedError

    def silence(self) -> State:
        """Why no message for `process` has come for a while."""
        return State("no_input", "; ".join(why_silent(self, each) for each in self._inputs))

    def diagnose(self) -> tuple[State, Mapping[str, object]]:
        """The node's own state when nothing else is wrong, and its own figures."""
        return State(), {}

    def cleanup(self) -> None:
        """Give back everything that `configure` took; also after a part of it.

        Here: what is in `releases`. A subclass that took more extends this.
        """
        while self.releases:
            self.releases.pop()()

    # What a subclass uses.
    def advertise(self, kind: type, topic: str, profile: QoSProfile) -> Any:
        """A publisher that is given back on cleanup."""
        publisher: Any = self.create_publisher(kind, topic, profile)
        self.releases.append(partial(self.destroy_publisher, publisher))
        return publisher

    def advertise_transforms(self) -> TransformBroadcaster:
        """A publisher on /tf that is given back on cleanup."""
        return TransformBroadcaster(self.advertise(TFMessage, "/tf", reliable(100)))

    def serve(self, name: str, job: Callable[[], str]) -> None:
        """A service `~/name` of std_srvs/Trigger that is given back on cleanup.

        `job` runs between messages on the worker's thread and returns the answer; its ValueError or OSError is the
        answer of a failure.
        """

        async def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            try:
                response.message = await self._on_worker(job)
                response.success = True
            except (ValueError, OSError) as error:
                response.message = str(error)
            return response

        service = self.create_service(Trigger, f"~/{name}", answer, callback_group=self._service_group)
        self.releases.append(partial(self.destroy_service, service))

    def subscribe(
        self,
        kind: type,
        topic: str,
        receive: Callable[[Any], None],
        profile: QoSProfile,
        overrides: QoSOverridingOptions | None = None,
    ) -> Subscription:
        """A subscription that is given back when the node is deactivated."""
        subscription = self.create_subscription(kind, topic, receive, profile, qos_overriding_options=overrides)
        self._subscribed.append(subscription)
        return subscription

    def subscribe_main_input(self, kind: type, topic: str) -> None:
        """Subscribe to the messages for `process`; the node reports when none arrive."""
        self._inputs.append(self.subscribe(kind, topic, self.enqueue, sensor_data(2), overridable()))

    def repeat(self, period_s: float, job: Callable[[], None]) -> None:
        """Call `job` on the executor's thread every `period_s` seconds of the node's clock, until cleanup."""
        self.releases.append(partial(self.destroy_timer, self.create_timer(period_s, job)))

    def present_ns(self) -> int | None:
        """Now, in the time of the stamps of the main input; None while not active, and while no messages arrive.

        It is the node's clock where stamps are of that clock, else the newest stamp and the time since it came.
        """
        if not self._active or self._silent_s() > SILENT_S:
            return None
        return self.stamps.present_ns(self.get_clock().now().nanoseconds)

    def count_published(self, stamp_ns: int) -> None:
        """Count a result that has been published, by its input's stamp."""
        latency_s = (self.get_clock().now().nanoseconds - stamp_ns) * 1e-9
        self.statistics.published(latency_s, time.monotonic() - self._received_s)

    # Lifecycle.
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read parameters, load and advertise; what is wrong with them is a FAILURE with one line."""
        try:
            self.own = own = parameters.read(self, self._own_type)
            own.check()
            self.transforms = TransformBuffer()
            self.sensors = SensorPoses(self.transforms, own.base_frame, own.sensor_pose, own.transform_timeout)
            self.configure()
            self.releases.append(TransformListener(self, self.transforms).close)
        except Exception as error:
            self._configured_state = _failure(error)
            self.get_logger().error(self._configured_state.message)
            self.cleanup()
            return TransitionCallbackReturn.FAILURE
        self._parameter_guard.configured = True
        self._configured_state = State("no_input", "not active")
        gc.collect()
        gc.freeze()  # modules and models stay: to look through them for garbage would pause the node
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to receive and to work."""
        self._state = State()
        self._last_input_s = time.monotonic()
        self.stamps, self._refused = StampClock(), ""
        self._epoch = self._epoch_at_work = 0
        self.worker.start()
        self.worker.submit(_compute_on_one_thread)  # the limit of OpenMP is each thread's own
        self.activate()
        self._active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, and finish what is in work."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give back models, publishers and services."""
        self.cleanup()
        self._parameter_guard.configured = False
        gc.unfreeze()
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
            for subscription in self._subscribed:
                self.destroy_subscription(subscription)
            self._inputs, self._subscribed = [], []
            self.worker.stop()

    # Messages.
    def enqueue(self, message: Any) -> None:
        """Refuse a message for `process` that is out of order, queue any other, and return.

        It is the callback of the main input. A node of several inputs calls it with what it has put together of them,
        which needs a `header`.
        """
        self._last_input_s = time.monotonic()
        self.statistics.received()
        stamp_ns, now_ns = messages.stamp_ns(message.header.stamp), self.get_clock().now().nanoseconds
        try:
            if self.stamps.restarted(stamp_ns, now_ns):
                self._epoch += 1
                self.statistics.forget_latencies()
        except ValueError as error:
            self._refused = str(error)
            self.statistics.processed(refused=True)
            return
        self.worker.put(_Input(message, self._last_input_s, self._epoch))

    def _work(self, item: _Input) -> None:
        """Process and publish, on the worker's thread."""
        message, self._received_s = item.message, item.received_s
        stamp_ns = messages.stamp_ns(message.header.stamp)
        if item.epoch != self._epoch_at_work:
            self._epoch_at_work = item.epoch
            self.get_logger().warning("time jumped back")
            self.restart()
        refused = True
        try:
            result = self.process(message, stamp_ns)
        except TransformError as error:
            self._state = State("no_tf", str(error))
        except ValueError as error:
            self._state = State("bad_input", str(error))
        else:
            self._state, refused = self.publish(result, stamp_ns), False
        finally:
            self.statistics.processed(refused)
        if self._state.word != "ok":
            self.get_logger().warning(self._state.message, throttle_duration_sec=5.0)

    def _failed(self, error: Exception) -> None:
        self._state = State("bad_input", f"{type(error).__name__}: {error}")
        self.get_logger().error(self._state.message, throttle_duration_sec=5.0)

    async def _on_worker(self, job: Callable[[], str]) -> Any:
        """Result of `job`, run between messages on the worker's thread; the executor goes on meanwhile.

        Callbacks of the same callback group wait for it, so that services have a group of their own.
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

    # Diagnostics.
    def _report(self) -> None:
        now_s = time.monotonic()
        figures: dict[str, object] = {**self.statistics.report(now_s - self._reported_s), "drops": self.worker.dropped}
        refused, self._refused = self._refused, ""
        figures["out_of_order"] = self.stamps.refused
        overloaded = self._overloaded(figures)
        self._reported_s = now_s
        own_state, own_figures = self.diagnose()
        latency_ms = figures.get("latency_p50_ms", 0.0)
        if isinstance(latency_ms, float) and abs(latency_ms) > FOREIGN_CLOCK_NS * 1e-6:
            figures["latency_note"] = "stamps are not of this node's clock: set use_sim_time and play with a /clock"
        if not self._active:
            state = self._configured_state
        elif self._silent_s() > SILENT_S:
            state = self.silence()
        elif self._state.word != "ok":
            state = self._state
        elif refused:
            state = State("bad_input", refused)
        else:
            state = overloaded if own_state.word == "ok" and overloaded.word != "ok" else own_state
            if state.word == "ok" and self._unknown_parameters:
                state = State("bad_parameter", self._unknown_parameters)
        name = f"{self.get_fully_qualified_name().lstrip('/')}: status"
        status = diagnostics.to_status(name, self.get_name(), state, {**figures, **own_figures})
        self._diagnostics.publish(diagnostics.to_array(status, self.get_clock().now().to_msg()))

    def _silent_s(self) -> float:
        return time.monotonic() - self._last_input_s

    def _overloaded(self, figures: Mapping[str, object]) -> State:
        received, dropped = int(str(figures["received"])), self.worker.dropped
        new, new_dropped = received - self._reported_received, dropped - self._reported_dropped
        self._reported_received, self._reported_dropped = received, dropped
        if new_dropped > OVERLOADED_FRACTION * max(new, 1):
            return State("overloaded", f"{new_dropped} of the last {new} messages dropped")
        return State()


def _failure(error: Exception) -> State:
    """The state after an error in `configure`; what is not meant for a user to read has the name of its type."""
    word = "model_mismatch" if isinstance(error, ModelMismatchError) else "bad_input"
    kind = "" if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: "
    return State(word, " ".join(f"{kind}{error}".split()))


def _compute_on_one_thread() -> None:
    """Limit the linear algebra of the calling thread's libraries: on arrays as small as here more threads cost more."""
    threadpool_limits(1)


def run(build: Callable[[], PerceptionNode[Any]]) -> int:
    """The main function of a node: build, configure and activate when `autostart` is true, spin until it is stopped.

    A bad parameter ends it with one line and exit status 2; everything else is a named state of a node that goes on.
    """
    remove_dead_segments()
    _compute_on_one_thread()
    rclpy.init()
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
    except RuntimeError:
        if node.context.ok():  # else a signal came while a callback was publishing
            raise
    finally:
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0
