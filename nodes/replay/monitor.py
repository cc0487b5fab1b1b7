"""`python -m isometry.nodes.replay.monitor --node NAME`: prints each report of a running node as a line of JSON.

Bad input is one line on standard error, and exit code 1. It runs until it is stopped.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from isometry.nodes.replay.meeting import refuse_unknown_parameters
from isometry.nodes.replay.spinning import spinning
from isometry.nodes.runtime.diagnostics import values_of
from isometry.nodes.runtime.quality_of_service import reliable
from isometry.nodes.runtime.shared_memory import remove_dead_segments


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="isometry.nodes.replay.monitor", description=__doc__)
    parser.add_argument("--node", required=True, help="name of the node")
    parser.add_argument("--given", nargs="*", default=[], help="names of parameters that the node must have")
    arguments = parser.parse_args()

    def print_report(message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith(f"{arguments.node}: status"):
                print(json.dumps({"message": status.message, **values_of(status)}), flush=True)

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    remove_dead_segments()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = Node("isometry_monitor")
        with spinning(node):
            refuse_unknown_parameters(node, arguments.node, arguments.given)
            node.create_subscription(DiagnosticArray, "/diagnostics", print_report, reliable())
            signal.pause()
    except ValueError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
