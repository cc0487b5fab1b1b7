"""Parameters of place recognition."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter


@dataclass(frozen=True)
class PlaceRecognitionParameters:
    """Parameters of the user; the constants of the model are in its file."""

    ground_height: float = parameter(0.0, "metres, z of the ground under the robot in the base frame", -10.0, 10.0)
    fewest_points: int = parameter(50, "a cloud with fewer finite points is refused", 1, 100000)
    fewest_cells: int = parameter(20, "a cloud that fills fewer cells of the bird's-eye image is refused", 1, 10000)
    keypoints: int = parameter(128, "local features kept of each scan", 16, 1024)
    cloud_voxel: float = parameter(0.5, "metres, spacing of the thinned cloud kept of each scan", 0.05, 5.0)
    cloud_points: int = parameter(2000, "points kept of each scan for the last step of the pose", 100, 20000)
    candidates: int = parameter(100, "keyframes taken from the descriptor search", 1, 1000)
    places: int = parameter(16, "distinct places among the candidates that are verified", 1, 100)
    place_radius: float = parameter(4.0, "metres within which two candidates are one place", 0.0, 100.0)
    hypotheses: int = parameter(6, "poses compared on the images for each place", 1, 200)
    good_agreement: float = parameter(0.85, "agreement at which only rivals are still tried", 0.0, 1.0)
    rivals: int = parameter(5, "places out of sight of the best one that are verified as its rivals", 0, 100)
    aligned_places: int = parameter(3, "most promising places in which the pose is aligned", 1, 100)
    least_confidence: float = parameter(0.8, "a pose less likely to be right than this is not accepted", 0.0, 1.0)
    threads: int = parameter(1, "threads of the registration", 1, 64)
