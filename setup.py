"""Build of the package, by colcon (ament_python) where a ROS 2 is sourced and by pip where none is."""

from glob import glob

from setuptools import find_packages, setup

RUNTIME = [
    "faiss-cpu>=1.8",
    "gtsam>=4.2,<4.3; python_version < '3.11'",
    "gtsam>=4.3; python_version >= '3.11'",
    "laspy[lazrs]>=2.5",
    "numpy>=1.26,<2; python_version < '3.11'",  # as gtsam 4.2 is built
    "numpy>=1.26; python_version >= '3.11'",
    "onnxruntime>=1.17",
    "open3d-cpu>=0.18; platform_machine == 'x86_64'",
    "open3d>=0.18; platform_machine != 'x86_64'",
    "opencv-python>=4.8",
    "pillow>=9.0",
    "plotly>=5.20",
    "PyYAML>=6.0",
    "rich>=13.7",
    "rosbags>=0.11",
    "scipy>=1.11",
    "small-gicp>=1.0",
    "threadpoolctl>=3.1",
    "typer>=0.12",
]
DOCS = ["mkdocs-material>=9.5"]
EVALUATE = ["evo>=1.30", "trackeval>=1.0"]
GPU = ["onnxruntime-gpu[cuda,cudnn]>=1.21"]
ROS = [
    "ros-rclpy==9.1.2",
    "ros-rmw-fastrtps-cpp",
    "ros-ament-index-python",
    "ros-diagnostic-msgs",
    "ros-geometry-msgs",
    "ros-lifecycle-msgs",
    "ros-nav-msgs",
    "ros-sensor-msgs",
    "ros-std-msgs",
    "ros-std-srvs",
    "ros-visualization-msgs",
]
TRAIN = ["onnx>=1.16", "onnxscript>=0.3", "scikit-learn>=1.4", "torch>=2.5"]
VIEW = ["viser>=0.2"]
TEST = [
    "coverage>=7.4",
    "hypothesis>=6.100",
    "mypy>=1.11",
    "pytest>=8.0",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "pytransform3d>=3.5",
    "ruff>=0.6",
    "setuptools>=77",
    "types-PyYAML>=6.0",
]

setup(
    name="isometry",
    version="0.1.0",
    description="ROS 2 perception that gives the same answer whichever way the robot or its sensor is turned",
    author="The Isometry authors",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["isometry", "isometry.*"]),
    package_data={"isometry": ["py.typed"], "isometry.models": ["weights/*", "weights/experiments/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/isometry"]),
        ("share/isometry", ["package.xml"]),
        ("share/isometry/config", sorted(glob("config/*"))),
        ("share/isometry/launch", sorted(glob("launch/*.launch.*"))),
    ],
    zip_safe=False,
    install_requires=RUNTIME,
    extras_require={
        "docs": DOCS,
        "evaluate": EVALUATE,
        "gpu": GPU,
        "ros": ROS,
        "test": TEST,
        "train": TRAIN,
        "view": VIEW,
    },
    entry_points={
        "console_scripts": [
            "isometry = isometry.cli.main:main",
            "depth_egomotion_node = isometry.nodes.depth_egomotion.node:main",
            "lidar_odometry_node = isometry.nodes.lidar_odometry.node:main",
            "object_pose_node = isometry.nodes.object_pose.node:main",
            "place_recognition_node = isometry.nodes.place_recognition.node:main",
            "relocalization_node = isometry.nodes.relocalization.node:main",
            "tracking_node = isometry.nodes.tracking.node:main",
        ],
    },
)
