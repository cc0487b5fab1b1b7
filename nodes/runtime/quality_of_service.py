"""Quality of service of inputs and outputs. Fresh objects each time: rclpy writes overrides into the profile."""

from __future__ import annotations

from rclpy.qos import QoSDurabilityPolicy, QoSHistoryPolicy, QoSPolicyKind, QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions


def sensor_data(depth: int = 5) -> QoSProfile:
    """For inputs: best effort, which receives from reliable and from best-effort publishers."""
    return QoSProfile(history=QoSHistoryPolicy.KEEP_LAST, depth=depth, reliability=QoSReliabilityPolicy.BEST_EFFORT)


def reliable(depth: int = 10) -> QoSProfile:
    """For outputs."""
    return QoSProfile(history=QoSHistoryPolicy.KEEP_LAST, depth=depth, reliability=QoSReliabilityPolicy.RELIABLE)


def latched(depth: int = 1) -> QoSProfile:
    """For outputs that a late subscriber needs: reliable, and the last ones are kept."""
    profile = reliable(depth)
    profile.durability = QoSDurabilityPolicy.TRANSIENT_LOCAL
    return profile


def overridable() -> QoSOverridingOptions:
    """Lets `qos_overrides.<topic>.subscription.reliability` (and history, depth, durability) be set as parameters."""
    return QoSOverridingOptions(
        (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY, QoSPolicyKind.DURABILITY)
    )
