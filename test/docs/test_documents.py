"""The documents: short where they should be short, and nothing in them that leads nowhere or cannot be run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from isometry.cli.main import app

REPOSITORY = Path(__file__).resolve().parents[2]
LONGEST_README = 120
LARGEST_IMAGE = 300_000  # bytes
FENCE = re.compile(r"^\s*(```|~~~)")
CHAINED = re.compile(r"&&|;")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(
    r"`((?:isometry|nodes|models|launch|config|test|docs|benchmarks|requirements|scripts|interfaces)/[\w./-]*)`"
)


def documents(repository: Path) -> list[Path]:
    """All that is written for readers."""
    top = [repository / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")]
    return [*top, *sorted((repository / "docs").rglob("*.md"))]


def blocks(text: str) -> Iterator[str]:
    """Lines of the indented and of the fenced blocks of a Markdown text, those that end with a backslash joined."""
    fenced, blank, joined = False, True, ""
    for line in text.splitlines():
        if FENCE.match(line):
            fenced = not fenced
            continue
        indented = line.startswith("    ") and not line.lstrip().startswith("- ")
        inside = fenced or (indented and (blank or bool(joined)))
        blank = not line.strip() or (inside and not fenced)
        if not inside:
            continue
        joined += line.strip()
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        yield joined
        joined = ""


def commands(text: str, program: str) -> Iterator[list[str]]:
    """The arguments of each call of a program in the blocks of a text."""
    for line in blocks(text):
        for part in CHAINED.split(line):
            words = shlex.split(part, comments=True)
            if words and words[0] == program:
                yield words[1:]


def relative_links(text: str) -> Iterator[str]:
    """Targets of links and images that are files, without their anchors."""
    for target in LINK.findall(text):
        path = target.partition("#")[0]
        if path and "://" not in path:
            yield path


DOCUMENTS = documents(REPOSITORY)
NAMED = [str(path.relative_to(REPOSITORY)) for path in DOCUMENTS]
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=NAMED)


def parse(arguments: list[str]) -> None:
    """Parse a call of `isometry` down to its last option, without running it. Raises click's errors."""
    command: Any = typer.main.get_command(app)
    name = "isometry"
    while hasattr(command, "commands"):
        assert arguments, f"{name} has subcommands, none is named"
        name, *arguments = arguments
        assert name in command.commands, f"no subcommand {name}"
        command = command.commands[name]
    command.make_context(name, arguments)


def test_the_readme_is_short(repository: Path) -> None:
    assert len((repository / "README.md").read_text().splitlines()) <= LONGEST_README


def test_images_are_small(repository: Path) -> None:
    images = sorted((repository / "docs" / "images").iterdir())
    assert images
    assert all(path.stat().st_size < LARGEST_IMAGE for path in images)


@every_document
def test_commands_are_whole(document: Path) -> None:
    assert [line for line in blocks(document.read_text()) if "..." in line or "…" in line] == []


@every_document
def test_links_lead_to_files(document: Path) -> None:
    missing = [link for link in relative_links(document.read_text()) if not (document.parent / link).exists()]
    assert missing == []


@every_document
def test_files_that_are_named_exist(repository: Path, document: Path) -> None:
    if document.name == "CHANGELOG.md":
        pytest.skip("it names what was there once")
    missing = [name for name in PATH.findall(document.read_text()) if not (repository / name).exists()]
    assert missing == []


@every_document
def test_commands_of_isometry_parse(document: Path) -> None:
    for arguments in commands(document.read_text(), "isometry"):
        try:
            parse(list(arguments))
        except Exception as error:
            pytest.fail(f"isometry {' '.join(arguments)}: {error}")


def test_the_documents_hold_commands_that_are_parsed() -> None:
    found = [call for document in DOCUMENTS for call in commands(document.read_text(), "isometry")]
    tasks = {tuple(call[:2]) for call in found}
    assert len(found) > 40
    assert {("evaluate", "registration"), ("train", "motion-prediction"), ("models", "show")} <= tasks


@pytest.mark.parametrize(
    "call",
    ["evaluate tracking --kitti-tracking DIR --sequence 0", "evaluate tracking --iou 2", "train everything", "models"],
)
def test_a_call_that_cannot_run_does_not_parse(call: str) -> None:
    with pytest.raises(Exception, match=r"(?i)no such option|less than or equal|no subcommand|none is named"):
        parse(call.split())


@every_document
def test_launch_files_and_their_arguments_exist(repository: Path, document: Path) -> None:
    # what several launch files share is in a module of its own
    paths = [*(repository / "launch").glob("*.py"), *(repository / "nodes" / "runtime").glob("launch*.py")]
    sources = {path.name: path.read_text() for path in paths}
    declared = "".join(sources.values())
    for words in commands(document.read_text(), "ros2"):
        if words[:2] != ["launch", "isometry"]:
            continue
        assert words[2] in sources
        names = [word.partition(":=")[0] for word in words[3:] if ":=" in word]
        assert [name for name in names if f'"{name}"' not in declared] == []


@every_document
def test_targets_of_make_exist(repository: Path, document: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (repository / "Makefile").read_text(), re.MULTILINE)
    named = {words[0] for words in commands(document.read_text(), "make")}
    assert named <= set(targets)


def test_parameter_tables_are_those_of_the_nodes(repository: Path) -> None:
    pytest.importorskip("rclpy", reason="needs a ROS 2 or its wheels")
    script = [sys.executable, str(repository / "scripts" / "parameter_tables.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def build_site(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """`mkdocs build --strict` as `make lint` calls it: with --quiet it would not count its warnings."""
    pytest.importorskip("mkdocs", reason="needs the extra docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_site_builds_and_fetches_nothing(repository: Path, tmp_path: Path) -> None:
    done = build_site(repository, tmp_path)
    assert done.returncode == 0, done.stderr
    fetched = re.compile(r'<(?:script|img)[^>]+src="https?:|<link[^>]+rel="(?:stylesheet|preload)"[^>]+href="https?:')
    pages = sorted(tmp_path.rglob("*.html"))
    assert len(pages) > 10
    assert [page.name for page in pages if fetched.search(page.read_text())] == []


@pytest.mark.parametrize("link", ["nothing.md", "models.md#nothing"])
def test_a_link_that_leads_nowhere_stops_the_build(repository: Path, tmp_path: Path, link: str) -> None:
    shutil.copy(repository / "mkdocs.yml", tmp_path)
    shutil.copytree(repository / "docs", tmp_path / "docs")
    with (tmp_path / "docs" / "index.md").open("a") as index:
        index.write(f"\nSee [this]({link}).\n")
    done = build_site(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    assert link.partition("#")[2] in done.stderr
