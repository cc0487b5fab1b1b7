"""What the ROS graph shows of a topic."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, qos_check_compatible
from rclpy.subscription import Subscription


def why_silent(node: Node, subscription: Subscription) -> str:
    """Why nothing arrives on a topic: no publisher, another type, another quality of service; in one line."""
    topic, kind = subscription.topic_name, subscription.msg_type
    expected = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
    publishers = node.get_publishers_info_by_topic(topic)
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
