"""Fixtures for several folders, and an environment in which no other robot on the network is heard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open3d
import pytest
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from scipy.spatial.transform import Rotation

from isometry.datasets.kitti.tracking import KittiTracking
from isometry.datasets.rosbag.message_types import TRANSFORMS
from isometry.datasets.rosbag.reader import open_bag
from isometry.geometry import se3
from isometry.nodes.runtime.shared_memory import remove_dead_segments
from isometry.object_pose.mesh import prepare
from isometry.object_pose.rendering import Renderer, Window, rays_through
from isometry.simulation.drive import SimulatedDrive, write_simulated_drive
from isometry.simulation.objects import bracket, finer
from isometry.simulation.sensors.lidar import SpinningLidar
from isometry.simulation.traffic.scans import surroundings, traffic_scans
from isometry.simulation.traffic.tracking_drive import write_tracking_drive
from isometry.simulation.traffic.traffic import Traffic
from isometry.simulation.worlds.shapes import box

REPOSITORY = Path(__file__).resolve().parents[1]
OLD_TRANSFORMS = "tf/msg/tfMessage"  # of /tf before tf2
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


def pytest_configure() -> None:
    """Set the environment variables of a ROS installation and of the Makefile, before any ROS context starts."""
    prefixes = [sys.prefix, *os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)]
    os.environ["AMENT_PREFIX_PATH"] = os.pathsep.join(dict.fromkeys(filter(None, prefixes)))
    os.environ.setdefault("FASTDDS_DEFAULT_PROFILES_FILE", str(REPOSITORY / "config" / "fastdds.xml"))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    # two runs at a time are separate, and so are the two workers of one
    domain = int(os.environ.setdefault("ROS_DOMAIN_ID", str(1 + 3 * (os.getpid() % 30))))
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")  # "gw0", "gw1", with the environment of the run
    if worker:
        os.environ["ROS_DOMAIN_ID"] = str(domain + 1 + int(worker.removeprefix("gw")))
    remove_dead_segments()


def pytest_unconfigure() -> None:
    """Give back the shared memory of the nodes that tests have killed."""
    remove_dead_segments()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds package.xml."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the real recordings, which are not in the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real recordings are not there: {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def kitti_tracking(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unpacked KITTI tracking directory of real sequences, of which 0000 has scans; not to be changed."""
    unpack = shared_data / "unpack.py"
    if not unpack.exists():
        pytest.skip(f"real recordings cannot be unpacked: {unpack} is not there")
    folder = tmp_path_factory.mktemp("real")
    subprocess.run([sys.executable, str(unpack), str(folder), "kitti_tracking"], check=True)
    return folder / "kitti_tracking"


def straight_traffic(moments: int = 50) -> Traffic:
    """Cars, a cyclist and a pedestrian at constant velocity, ahead of an ego vehicle at 8 m/s that turns slightly."""
    times_s = np.linspace(0.0, 0.1 * (moments - 1), moments)
    starts = np.array([[14.0, 0.0], [28.0, -3.6], [40.0, 3.6], [48.0, 0.5], [22.0, 6.5], [30.0, -8.0], [60.0, -4.0]])
    velocities = np.array([[9.0, 0.0], [6.0, 0.2], [-3.0, 0.0], [0.0, 0.0], [4.0, 0.5], [0.5, 1.2], [7.0, 0.0]])
    sizes = np.array([[4.0, 1.8, 1.5]] * 4 + [[1.8, 0.6, 1.7], [0.6, 0.6, 1.8], [4.5, 1.9, 1.6]])
    boxes = np.zeros((moments, len(starts), 7))
    boxes[..., :2] = starts + times_s[:, None, None] * velocities
    boxes[..., 2], boxes[..., 3:6] = 0.5 * sizes[:, 2], sizes
    boxes[..., 6] = np.arctan2(velocities[:, 1], velocities[:, 0])
    boxes[: moments // 2, -1] = np.nan  # the last car appears late
    own = np.column_stack([8.0 * times_s, 0.02 * times_s**2, 0.01 * times_s])
    return Traffic(times_s, boxes, ("car",) * 4 + ("cyclist", "pedestrian", "car"), own, np.array([4.5, 1.8, 1.5]))


@pytest.fixture(scope="session")
def traffic() -> Traffic:
    """A few objects with known motion."""
    return straight_traffic()


@pytest.fixture(scope="session")
def simulated_tracking(tmp_path_factory: pytest.TempPathFactory, traffic: Traffic) -> Path:
    """A KITTI tracking directory of `straight_traffic`; not to be changed.

    Sequence 0000 has scans, with one point for each object; 0001 has fewer frames and no scans. Both have noisy
    detections with the name `simulated`.
    """
    root = tmp_path_factory.mktemp("simulated") / "kitti_tracking"
    for sequence, moments in (("0000", 50), ("0001", 40)):
        write_tracking_drive(root, straight_traffic(moments), seed=moments, sequence=sequence)
    opened = KittiTracking(root, "0000")
    folder = root / "training/velodyne/0000"
    folder.mkdir(parents=True)
    for frame in range(len(traffic.times_s)):
        centres = opened.labels.of_frame(frame).boxes[:, :3]
        np.pad(centres, ((0, 0), (0, 1))).astype("<f4").tofile(folder / f"{frame:06d}.bin")
    return root


@pytest.fixture(scope="session")
def simulated_scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A KITTI tracking directory whose sequence 0000 has 25 ray-cast scans of an open field; not to be changed.

    Objects by id: a car at 9 m/s ahead, an oncoming one at 3 m/s, a pedestrian at 1.28 m/s, a parked car. The ego
    vehicle has 5 m/s.
    """
    times_s = np.linspace(0.0, 2.4, 25)
    starts = np.array([[12.0, -3.5], [26.0, 4.0], [16.0, 5.0], [22.0, -8.0]])
    velocities = np.array([[9.0, 0.0], [-3.0, 0.0], [0.8, 1.0], [0.0, 0.0]])
    boxes = np.zeros((len(times_s), len(starts), 7))
    boxes[..., :2] = starts + times_s[:, None, None] * velocities
    boxes[..., 3:6] = [4.2, 1.8, 1.5]
    boxes[:, 2, 3:6] = [0.6, 0.6, 1.8]
    boxes[..., 2] = 0.5 * boxes[..., 5]
    boxes[..., 6] = np.arctan2(velocities[:, 1], velocities[:, 0])
    ego_poses = np.zeros((len(times_s), 3))
    ego_poses[:, 0] = 5.0 * times_s
    traffic = Traffic(times_s, boxes, ("car", "car", "pedestrian", "car"), ego_poses, np.array([4.5, 1.8, 1.5]))
    root, random = tmp_path_factory.mktemp("simulated") / "kitti_scans", np.random.default_rng(0)
    write_tracking_drive(root, traffic, seed=0)
    lidar = SpinningLidar(beams=48, lowest_deg=-18.0, azimuth_step_deg=0.3)
    folder = root / "training/velodyne/0000"
    folder.mkdir(parents=True)
    for frame, scan in enumerate(traffic_scans(traffic, surroundings(traffic, random, sections=0), random, lidar)):
        points = se3.apply(se3.inverse(scan.T_world_lidar), scan.points.astype(np.float64))
        np.pad(points, ((0, 0), (0, 1))).astype("<f4").tofile(folder / f"{frame:06d}.bin")
    return root


@pytest.fixture(scope="session")
def simulated_kitti(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A KITTI odometry directory whose sequence 00 has 12 sparse simulated scans; not to be changed."""
    root = tmp_path_factory.mktemp("simulated") / "kitti"
    lidar = SpinningLidar(beams=16, azimuth_step_deg=2.0)
    write_simulated_drive(root, SimulatedDrive(scans=12, spacing_m=5.0, lidar=lidar))
    return root


@pytest.fixture(scope="session")
def simulated_bop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BOP directory of a scene with a box and a bracket in two frames before a wall; not to be changed.

    The box is painted so that it has no symmetry. A third frame has no depth.
    """
    root = tmp_path_factory.mktemp("simulated") / "bop"
    fine = [finer(box((0.06, 0.1, 0.16), (0.0, 0.0, -0.08))), finer(bracket())]
    waves = [np.sin(mesh.vertices @ np.array([[90.0, -50.0, 70.0], [40.0, 110.0, -60.0]]).T) for mesh in fine]
    colours = [np.clip(0.5 + 0.4 * np.column_stack([wave, wave.sum(axis=1)]), 0.0, 1.0) for wave in waves]
    meshes = [prepare(*mesh, colour) for mesh, colour in zip(fine, colours, strict=True)]
    (root / "models").mkdir(parents=True)
    for number, (mesh, colour) in enumerate(zip(meshes, colours, strict=True), 1):
        vertices = open3d.utility.Vector3dVector(1000.0 * mesh.vertices)
        written = open3d.geometry.TriangleMesh(vertices, open3d.utility.Vector3iVector(mesh.faces.astype(np.int32)))
        written.vertex_colors = open3d.utility.Vector3dVector(colour)
        open3d.io.write_triangle_mesh(root / f"models/obj_{number:06d}.ply", written)
    infos = {number: {"diameter": 1000.0 * mesh.diameter} for number, mesh in enumerate(meshes, 1)}
    (root / "models/models_info.json").write_text(json.dumps(infos))
    camera = np.array([[600.0, 0.0, 320.0], [0.0, 600.0, 240.0], [0.0, 0.0, 1.0]])
    rays = rays_through(camera, Window(0.0, 0.0, 640, 480, 1.0).pixels())
    scene = root / "test/000003"
    for folder in ("rgb", "depth", "mask_visib"):
        (scene / folder).mkdir(parents=True)
    labels: dict[int, list[dict[str, Any]]] = {}
    images: dict[str, Any] = {}
    for frame in range(3):
        turns = Rotation.random(2, random_state=frame).as_matrix()
        poses = [se3.from_rotation_translation(turns[k], np.array([0.3 * k - 0.15, 0.0, 0.7])) for k in (0, 1)]
        views = [Renderer(mesh).view(pose, rays) for mesh, pose in zip(meshes, poses, strict=True)]
        labels[frame] = []
        depth, shown = np.full(len(rays), 1.2), np.full((len(rays), 3), 0.4)
        for number, (view, pose) in enumerate(zip(views, poses, strict=True)):
            seen = view.silhouette
            depth[seen], shown[seen] = view.depth[seen], view.colours[seen]
            rotation, millimetres = pose[:3, :3].ravel().tolist(), (1000.0 * pose[:3, 3]).tolist()
            labels[frame].append({"obj_id": number + 1, "cam_R_m2c": rotation, "cam_t_m2c": millimetres})
            images[f"mask_visib/{frame:06d}_{number:06d}.png"] = (255 * seen).astype(np.uint8).reshape(480, 640)
        images[f"rgb/{frame:06d}.png"] = np.round(255.0 * shown).astype(np.uint8).reshape(480, 640, 3)
        if frame < 2:
            images[f"depth/{frame:06d}.png"] = np.round(1e4 * depth).astype(np.uint16).reshape(480, 640)
    for name, image in images.items():
        open3d.io.write_image(scene / name, open3d.geometry.Image(image))
    (scene / "scene_gt.json").write_text(json.dumps(labels))
    cameras = {frame: {"cam_K": camera.ravel().tolist(), "depth_scale": 0.1} for frame in labels}
    (scene / "scene_camera.json").write_text(json.dumps(cameras))
    return root


@pytest.fixture
def random() -> np.random.Generator:
    """A random generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def write_as_ros1() -> Callable[[Path, Path, tuple[str, ...]], None]:
    """Copies some topics of a bag into a .bag of ROS 1."""
    return copy_as_ros1


def copy_as_ros1(bag: Path, path: Path, topics: tuple[str, ...]) -> None:
    """Copy some topics of a bag as a robot of ROS 1 would have recorded them; /tf has the type of before tf2."""
    store = get_typestore(Stores.ROS1_NOETIC)
    store.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", OLD_TRANSFORMS))

    def converted(message: Any) -> Any:
        """The same message of the other store's classes, with a sequence number in its header."""
        if isinstance(message, list):
            return [converted(item) for item in message]
        if not hasattr(message, "__msgtype__"):
            return message
        name = message.__msgtype__
        values = [converted(getattr(message, field)) for field, _ in reader.typestore.fielddefs[name][1]]
        if name == "std_msgs/msg/Header":
            values.insert(0, 7)
        return store.types[OLD_TRANSFORMS if name == TRANSFORMS else name](*values)

    with open_bag(bag) as reader, Writer(path) as writer:
        connections = {}
        for connection in reader.connections:
            if connection.topic in topics:
                kind = OLD_TRANSFORMS if connection.msgtype == TRANSFORMS else connection.msgtype
                connections[connection.topic] = writer.add_connection(connection.topic, kind, typestore=store)
        for connection, time_ns, raw in reader.messages():
            if connection.topic in topics:
                own = connections[connection.topic]
                message = converted(reader.deserialize(raw, connection.msgtype))
                writer.write(own, time_ns, store.serialize_ros1(message, own.msgtype))
