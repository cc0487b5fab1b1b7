"""`python -m isometry.nodes.replay BAG OUT ...`: plays a bag, in its own process, as a robot publishes its sensors.

Lines of JSON on standard output report the progress; bad input is one line on standard error, and exit code 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rclpy
from rcl_interfaces.srv import GetParameters
from rclpy.client import Client
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from isometry.datasets.rosbag.reader import open_bag
from isometry.evaluation.replay.recording import PlaceRecognitionRecording, TrackingRecording
from isometry.nodes.replay.place_recognition import PlaceRecognitionRecorder
from isometry.nodes.replay.player import BagPlayer
from isometry.nodes.replay.recorder import NodeRecorder
from isometry.nodes.replay.tracking import TrackingRecorder
from isometry.nodes.runtime.shared_memory import remove_dead_segments

RECORDERS: dict[str, Callable[[Node], NodeRecorder[Any]]] = {
    PlaceRecognitionRecording.node: PlaceRecognitionRecorder,
    TrackingRecording.node: TrackingRecorder,
}
"""By the name of the node."""
ANSWER_TIMEOUT_S = 5.0
"""A scan that is not answered for so long is taken for dropped."""
START_TIMEOUT_S = 60.0


def replay(bag: Path, out: Path, name: str, points: str, topics: list[str], rate: float) -> None:
    """Play a bag at `rate` times its speed (0: each scan when the one before was answered) and write the recording.

    `name` is the name of the node, `points` the topic of the scans or of the other messages that it answers.

    Raises ValueError when the bag or the node cannot be used.
    """
    node = Node("isometry_replay")
    with open_bag(bag) as reader, _spinning(node):
        recorder = RECORDERS[name](node)
        player = BagPlayer(node, reader, points, topics)
        _wait_until_ready(player, recorder)
        _wait_until_met(node, name)
        for done, total in player.play(rate):
            if rate == 0.0:
                recorder.wait_for_answer(player.newest_stamp_ns, ANSWER_TIMEOUT_S)
            print(json.dumps({"done": done, "total": total}), flush=True)
        recorder.wait_until_complete(player.newest_stamp_ns, ANSWER_TIMEOUT_S)
        recorder.recording(player.played, player.shift_ns).save(out)


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


def _wait_until_met(node: Node, name: str) -> None:
    """Wait until the node under test has discovered our publishers; our own subscriber count does not prove this.

    Discovery keeps its order: a node that answers a client made after the publishers has discovered them.
    """
    client: Client = node.create_client(GetParameters, f"{name}/get_parameters")
    answered = threading.Event()
    if client.wait_for_service(START_TIMEOUT_S):
        future = client.call_async(GetParameters.Request(names=["autostart"]))
        future.add_done_callback(lambda _: answered.set())
    if not answered.wait(START_TIMEOUT_S):
        raise ValueError("the node does not answer a request for its parameters")


@contextmanager
def _spinning(node: Node) -> Iterator[None]:
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def spin() -> None:
        try:
            executor.spin()
        except ExternalShutdownException:
            return

    thread = threading.Thread(target=spin, name="executor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        executor.shutdown()
        thread.join()


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="isometry.nodes.replay", description=__doc__)
    parser.add_argument("bag", type=Path)
    parser.add_argument("out", type=Path, help="recording to write (.npz)")
    parser.add_argument("--node", choices=sorted(RECORDERS), required=True, help="name of the node")
    parser.add_argument("--points", required=True, help="topic of the messages that the node answers")
    parser.add_argument("--topics", nargs="*", default=[], help="topics to play beside them")
    parser.add_argument("--rate", type=float, default=1.0)
    arguments = parser.parse_args()
    remove_dead_segments()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)  # a signal ends this process at once
    try:
        a = arguments
        replay(a.bag, a.out, a.node, a.points, a.topics, a.rate)
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
