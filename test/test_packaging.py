"""The package as a user gets it: one version, all its data, layers that point down, messages the world understands."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import isometry

MESSAGE_PACKAGE = re.compile(r"rclpy|launch|launch_ros|tf2_ros|\w+_(msgs|srvs|interfaces)")

# What each folder may import of the package, beside itself and what is everybody's: the layers, from the bottom up.
BASIS = {"arrays", "parameters", "__version__"}
BELOW = {"inference", "sensing", "geometry"}
# One capability does not import another, except for these: registration and LiDAR odometry serve several.
CAPABILITIES: dict[str, set[str]] = {
    "depth_egomotion": set(),
    "registration": set(),
    "lidar_odometry": set(),
    "object_pose": set(),
    "place_recognition": {"registration"},
    "relocalization": {"place_recognition", "registration"},
    "tracking": {"lidar_odometry"},
}
DATA = {"datasets", "simulation"}
LAYERS: dict[str, set[str]] = {
    "geometry": set(),
    "inference": set(),
    "sensing": {"geometry"},
    "models": {"geometry"},
    "datasets": {"sensing", "geometry"},
    "simulation": {"datasets", "sensing", "geometry"},
    **{name: BELOW | others for name, others in CAPABILITIES.items()},
    "evaluation": BELOW | DATA | set(CAPABILITIES),
    "training": BELOW | DATA | set(CAPABILITIES) | {"models", "evaluation"},
    "cli": BELOW | DATA | set(CAPABILITIES) | {"models", "evaluation", "training"},
    "nodes": BELOW | DATA | set(CAPABILITIES) | {"evaluation"},
}
# The runtime: what a robot needs. It has no torch.
RUNTIME = {"geometry", "inference", "sensing", "datasets", *CAPABILITIES, "nodes"}
# In these layers each capability has a folder; all of them may import the shared folder of their layer.
SHARED = {"evaluation": "common", "training": "common", "nodes": "runtime", "cli": "common"}
# One folder imports another of its layer here and nowhere else.
ACROSS: dict[str, dict[str, set[str]]] = {
    "evaluation": {},
    "training": {},
    "nodes": {"replay": {"tracking"}},  # detections in messages
    "cli": {"main": {"bag", "demo", "evaluate", "export", "models", "object", "register", "run", "train", "view"}},
}


def imports(file: Path) -> Iterator[str]:
    """The dotted names of all modules that a source file imports, anywhere in it; a relative one begins with a dot."""
    for node in ast.walk(ast.parse(file.read_text(), file)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{name.name}" for name in node.names)


def sources(repository: Path, layer: str) -> list[Path]:
    """The source files of one layer, of which nodes/ and models/ stand beside isometry/."""
    folder = repository / layer if layer in ("nodes", "models") else repository / "isometry" / layer
    files = sorted(folder.rglob("*.py"))
    assert files, f"{folder} holds no source"
    return files


def test_one_version_everywhere(repository: Path) -> None:
    manifest = ElementTree.parse(repository / "package.xml").findtext("version")
    setup = re.search(r'^    version="(.+)",$', (repository / "setup.py").read_text(), re.MULTILINE)
    assert setup is not None
    assert manifest == setup[1] == isometry.__version__


def test_only_nodes_know_ros(repository: Path) -> None:
    outside = [*(repository / "isometry").rglob("*.py"), *(repository / "models").rglob("*.py")]
    offenders = [
        f"{file.relative_to(repository)} imports {name}"
        for file in outside
        if "nodes" not in file.relative_to(repository).parts
        for name in imports(file)
        if MESSAGE_PACKAGE.fullmatch(name.partition(".")[0])
    ]
    assert offenders == []


@pytest.mark.parametrize("layer", sorted(RUNTIME))
def test_runtime_needs_no_torch(repository: Path, layer: str) -> None:
    offenders = [file for file in sources(repository, layer) for name in imports(file) if name.split(".")[0] == "torch"]
    assert offenders == []


def imports_of_the_package(repository: Path, layer: str) -> Iterator[tuple[Path, list[str]]]:
    """Each source file of a layer with the parts of a name that it imports, `isometry` left out."""
    for file in sources(repository, layer):
        for name in imports(file):
            first, *parts = name.split(".")
            if first == "isometry" and parts:
                yield file, parts


def test_every_folder_is_a_known_layer(repository: Path) -> None:
    folders = {path.name for path in (repository / "isometry").iterdir() if (path / "__init__.py").exists()}
    assert folders == set(LAYERS)


@pytest.mark.parametrize("layer", sorted(LAYERS))
def test_imports_point_down(repository: Path, layer: str) -> None:
    allowed = LAYERS[layer] | BASIS | {layer}
    offenders = [
        f"{file.relative_to(repository)} imports {'.'.join(parts)}"
        for file, parts in imports_of_the_package(repository, layer)
        if parts[0] not in allowed
    ]
    assert offenders == []


@pytest.mark.parametrize("layer", sorted(LAYERS))
def test_no_import_is_relative(repository: Path, layer: str) -> None:
    """Only the whole name of a module tells which layer it is in."""
    offenders = [
        f"{file.relative_to(repository)} imports {name}"
        for file in sources(repository, layer)
        for name in imports(file)
        if name.startswith(".")
    ]
    assert offenders == []


@pytest.mark.parametrize("layer", sorted(ACROSS))
def test_folders_of_a_layer_do_not_import_each_other(repository: Path, layer: str) -> None:
    found: dict[str, set[str]] = {}
    for file, parts in imports_of_the_package(repository, layer):
        path = file.relative_to(repository).parts
        folder = path[path.index(layer) + 1].removesuffix(".py")
        if parts[0] == layer and len(parts) > 1 and parts[1] not in (folder, SHARED[layer]):
            found.setdefault(folder, set()).add(parts[1])
    assert found == ACROSS[layer]


@pytest.mark.slow
def test_wheel_holds_code_weights_cards_launch_files_and_configuration(repository: Path, tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns(".*", "build", "*.egg-info", "out", "test", "benchmarks")
    source = shutil.copytree(repository, tmp_path / "source", symlinks=True, ignore=ignored)
    options = ["--no-deps", "--no-build-isolation", f"--wheel-dir={tmp_path}"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())

    expected = {
        str(file.relative_to(repository))
        for folder in ("isometry", "isometry/nodes", "isometry/models")
        for file in (repository / folder).rglob("*.py")
    }
    weights = (repository / "models" / "weights").rglob("*.*")
    expected |= {f"isometry/{file.relative_to(repository)}" for file in weights}
    shared = f"isometry-{isometry.__version__}.data/data/share"
    expected |= {f"{shared}/isometry/config/{file.name}" for file in (repository / "config").iterdir()}
    expected |= {f"{shared}/isometry/launch/{file.name}" for file in (repository / "launch").glob("*.launch.*")}
    expected |= {f"{shared}/isometry/package.xml", f"{shared}/ament_index/resource_index/packages/isometry"}
    assert expected <= names
    assert not [name for name in names if name.startswith(("nodes/", "models/", "test/"))]


@pytest.mark.parametrize(
    ("message", "published"),
    [
        ("tf2_msgs/msg/TFMessage", "RIHS01_e369d0f0"),
        ("vision_msgs/msg/Detection2DArray", "RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968"),
        ("vision_msgs/msg/Detection3DArray", "RIHS01_793f5eab9595ac1c0da07873cc859db42eae51f0ee76056db8562515d830e018"),
    ],
)
def test_built_messages_are_the_published_ones(message: str, published: str) -> None:
    """The type hash is computed from every field of a message and of the messages inside it."""
    packages = pytest.importorskip("ament_index_python.packages", reason="needs a ROS 2 or its wheels")
    package, _, name = message.split("/")
    description = Path(packages.get_package_share_directory(package), "msg", f"{name}.json")
    if not description.exists():
        pytest.skip("this ROS 2 distribution is older than type hashes")
    hashes = {entry["type_name"]: entry["hash_string"] for entry in json.loads(description.read_text())["type_hashes"]}
    assert hashes[message].startswith(published)
