"""/tf and /tf_static into a TransformBuffer, and onto /tf: what tf2_ros would do, where there is no tf2_ros."""

from __future__ import annotations

from functools import partial

from rclpy.node import Node
from rclpy.publisher import Publisher
from tf2_msgs.msg import TFMessage

from isometry.nodes.runtime import messages
from isometry.nodes.runtime.quality_of_service import latched, reliable
from isometry.nodes.runtime.transforms import Transform, TransformBuffer


class TransformListener:
    """Fills a buffer from /tf and /tf_static until it is closed."""

    def __init__(self, node: Node, buffer: TransformBuffer) -> None:
        self._node, self._buffer = node, buffer
        self._subscriptions = [
            node.create_subscription(TFMessage, "/tf", partial(self._receive, False), reliable(100)),
            node.create_subscription(TFMessage, "/tf_static", partial(self._receive, True), latched(100)),
        ]

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _receive(self, static: bool, message: TFMessage) -> None:
        for stamped in message.transforms:
            parent, child = stamped.header.frame_id, stamped.child_frame_id
            try:
                transform = messages.from_transform(stamped.transform)
                self._buffer.insert(parent, child, transform, messages.stamp_ns(stamped.header.stamp), static)
            except ValueError as error:
                logger = self._node.get_logger()
                logger.warning(f"ignored transform {parent!r}->{child!r}: {error}", throttle_duration_sec=5.0)


class TransformBroadcaster:
    """Publishes transforms on /tf."""

    def __init__(self, publisher: Publisher) -> None:
        """`publisher` is of tf2_msgs/TFMessage."""
        self._publisher = publisher

    def send(self, T_target_source: Transform, target: str, source: str, stamp_ns: int) -> None:
        """Publish one edge: `source` is the child of `target`."""
        stamped = messages.to_transform_stamped(T_target_source, target, source, stamp_ns)
        self._publisher.publish(TFMessage(transforms=[stamped]))
