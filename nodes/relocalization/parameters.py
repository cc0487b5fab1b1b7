"""Parameters of the relocalisation node that are not of the method."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.nodes.runtime.node_parameters import MapParameters
from isometry.parameters import parameter
from isometry.registration.pipeline import DEFAULT_SOURCES, SOURCES


@dataclass(frozen=True)
class RelocalizationNodeParameters(MapParameters):
    """Frames, inputs, files. Read when the node is configured."""

    publish_tf: bool = parameter(True, "publish map_frame -> odom_frame on /tf while located")
    publish_initialpose: bool = parameter(False, "publish the pose on initialpose each time the robot has been found")
    map_file: str = parameter("", "cloud that is the map: PCD, PLY, LAS, LAZ...; give this or memory_file")
    map_columns: int = parameter(0, "columns of float32 in a map_file that ends in .bin; 0: as its values tell", 0, 64)
    memory_file: str = parameter("", "place memory that is the map, as place recognition writes it")
    method: str = parameter(
        "default",
        f"source of hypotheses of the registration; default: {', then '.join(DEFAULT_SOURCES)}",
        choices=("default", *SOURCES),
    )

    def check(self) -> None:
        """Raise ValueError when not exactly one file is the map."""
        if bool(self.map_file) == bool(self.memory_file):
            raise ValueError("one of the parameters map_file and memory_file must name a file, and one only")
