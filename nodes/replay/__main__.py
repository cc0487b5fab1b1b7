"""`python -m isometry.nodes.replay BAG OUT ...`: plays a bag, in its own process, as a robot publishes its sensors.

Lines of JSON on standard output report the progress; bad input is one line on standard error, and exit code 1.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from isometry.datasets.rosbag.reader import open_bag
from isometry.nodes.replay.depth_egomotion import DepthEgomotionRecorder
from isometry.nodes.replay.lidar_odometry import LidarOdometryRecorder
from isometry.nodes.replay.meeting import START_TIMEOUT_S, refuse_unknown_parameters
from isometry.nodes.replay.object_pose import ObjectPoseRecorder
from isometry.nodes.replay.place_recognition import PlaceRecognitionRecorder
from isometry.nodes.replay.player import BagPlayer
from isometry.nodes.replay.recorder import NodeRecorder
from isometry.nodes.replay.relocalization import RelocalizationRecorder
from isometry.nodes.replay.spinning import spinning
from isometry.nodes.replay.tracking import TrackingRecorder
from isometry.nodes.runtime.shared_memory import remove_dead_segments

RECORDERS: dict[str, Callable[[Node, tuple[str, str]], NodeRecorder[Any]]] = {
    "depth_egomotion": DepthEgomotionRecorder,
    "lidar_odometry": LidarOdometryRecorder,
    "object_pose": ObjectPoseRecorder,
    "place_recognition": PlaceRecognitionRecorder,
    "relocalization": RelocalizationRecorder,
    "tracking": TrackingRecorder,
}
"""By the name of the node."""


def replay(arguments: argparse.Namespace) -> None:
    """Play a bag at a rate (0: each scan when the node is done with the one before) and write the recording.

    Raises ValueError when the bag or the node cannot be used.
    """
    node = Node("isometry_replay")
    with open_bag(arguments.bag) as reader, spinning(node):
        recorder = RECORDERS[arguments.node](node, tuple(arguments.odometry_frames))
        player = BagPlayer(node, reader, arguments.points, arguments.topics, arguments.not_played)
        _wait_until_ready(player, recorder)
        refuse_unknown_parameters(node, arguments.node, arguments.given)
        for done, total in player.play(arguments.rate):
            if arguments.rate == 0.0:
                recorder.wait_for_answer(player.newest_stamp_ns, done, recorder.ANSWER_TIMEOUT_S)
            print(json.dumps({"done": done, "total": total}), flush=True)
        recorder.wait_until_complete(player.newest_stamp_ns, len(player.played), recorder.ANSWER_TIMEOUT_S)
        recorder.recording(player.played, player.shift_ns).save(arguments.out)


def _wait_until_ready(player: BagPlayer, recorder: NodeRecorder[Any]) -> None:
    """Wait until the node has subscribed to what is played, and the recorder to the node."""
    end_s = time.monotonic() + START_TIMEOUT_S
    while not (recorder.matched() and not player.unmatched()):
        if recorder.refusal:
            raise ValueError(f"the node did not start: {recorder.refusal}")
        if time.monotonic() > end_s:
            silent = ", ".join(player.unmatched()) or "what it publishes"
            raise ValueError(f"no {recorder.name} node is connected after {START_TIMEOUT_S:.0f} s (missing: {silent})")
        time.sleep(0.02)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="isometry.nodes.replay", description=__doc__)
    parser.add_argument("bag", type=Path)
    parser.add_argument("out", type=Path, help="recording to write (.npz)")
    parser.add_argument("--node", choices=sorted(RECORDERS), required=True, help="name of the node")
    parser.add_argument("--points", required=True, help="topic of the messages that the node answers")
    parser.add_argument("--topics", nargs="*", default=[], help="topics to play beside them")
    parser.add_argument("--not-played", default="", help="frame whose children the node publishes itself")
    parser.add_argument(
        "--odometry-frames", nargs=2, default=("odom", "base_link"), help="of the odometry and the robot"
    )
    parser.add_argument("--given", nargs="*", default=[], help="names of parameters that the node must have")
    parser.add_argument("--rate", type=float, default=1.0)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended in order, it gives back its shared memory
    remove_dead_segments()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        replay(arguments)
    except (ValueError, OSError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
