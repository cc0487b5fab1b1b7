"""`isometry object`: the objects whose poses are found: prepare a mesh, and look at what was found in it."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isometry.cli.common.progress import clear_errors, progress_bar

if TYPE_CHECKING:
    from isometry.object_pose.library import KnownObject

app = typer.Typer(no_args_is_help=True, help="Objects whose poses are found: prepare their meshes, and look at them.")
MESH = "PLY, OBJ, STL or OFF; its name is the object's."
Mesh = Annotated[Path, typer.Argument(help=MESH)]


@app.command("add")
def add(
    mesh: Mesh,
    to: Annotated[Path | None, typer.Option(help="Folder of objects to copy it into; else it stays.")] = None,
    unit: Annotated[str, typer.Option(help="Unit of the mesh: m, cm or mm; kept in a YAML file beside it.")] = "",
) -> None:
    """Prepare a mesh, once, and say what was found in it: size, diameter, symmetries."""
    with clear_errors():
        if not mesh.is_file():
            raise ValueError(f"{mesh}: {'not a file' if mesh.exists() else 'no such file'}")
        known = _added(mesh, unit) if to is None else _added_to(to, mesh, unit)
        _print(known)


def _added_to(folder: Path, mesh: Path, unit: str) -> KnownObject:
    """Copy a mesh and its YAML file into a folder, once it is known that it can be used.

    One with textures is written as a PLY with the colours of its vertices: the files of textures of several objects may
    have one name. A YAML file that is in the folder already is kept where the mesh has none beside it.
    """
    from isometry.datasets.mesh_file import companions, read_mesh, write_ply
    from isometry.object_pose.library import ENDINGS

    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: not a folder")
    textured = any(path.is_file() for path in companions(mesh))
    copied = mesh.with_suffix(".ply") if textured else mesh
    others = [folder / f"{mesh.stem}{ending}" for ending in ENDINGS if ending != copied.suffix.lower()]
    for other in others:
        if other.is_file():
            raise ValueError(f"{other}: is there already, and {copied.name} would be the same object")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".adding") as name:
        beside = Path(name)
        if textured:
            write_ply(beside / copied.name, read_mesh(mesh))
        else:
            shutil.copyfile(mesh, beside / copied.name)
        for settings in (mesh.with_suffix(".yaml"), folder / f"{mesh.stem}.yaml"):
            if settings.is_file():
                shutil.copyfile(settings, beside / settings.name)
                break
        try:
            known = _added(beside / copied.name, unit)
        except ValueError as error:
            raise ValueError(str(error).replace(str(beside / copied.name), str(mesh))) from error
        for path in beside.iterdir():
            path.replace(folder / path.name)
    return replace(known, path=folder / copied.name)


def _added(mesh: Path, unit: str) -> KnownObject:
    from isometry.object_pose.object_settings import write_unit

    if not unit:
        return _load(mesh)
    settings = mesh.with_suffix(".yaml")
    before = settings.read_bytes() if settings.is_file() else None
    write_unit(settings, unit)
    try:
        return _load(mesh)
    except ValueError:
        if before is None:
            settings.unlink()
        else:
            settings.write_bytes(before)
        raise


@app.command("view")
def view(
    mesh: Mesh,
    page: Annotated[
        Path | None, typer.Option(dir_okay=False, help="HTML file to write; out/<object>.html if not given.")
    ] = None,
) -> None:
    """Write a page that shows a mesh with the axes of its symmetries."""
    with clear_errors():
        from isometry.evaluation.object_pose.object_page import write_object_page

        if mesh.is_dir():
            raise ValueError(f"{mesh}: name one of the meshes in it")
        known = _load(mesh)
        _print(known)
        typer.echo(f"page: {write_object_page(page or Path('out') / f'{known.name}.html', known).resolve()}")


@app.command("scenes")
def scenes(
    output: Annotated[Path, typer.Argument(help="Folder to write to, which must not exist.")],
    count: Annotated[int, typer.Option(min=1, help="Number of scenes.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same scenes.")] = 0,
) -> None:
    """Write simulated scenes of generated objects on a table in the layout of BOP, to measure poses on."""
    with clear_errors():
        from isometry.simulation.tabletop.data_set import write_tabletop_scenes

        if output.exists():
            raise ValueError(f"{output}: exists")
        with progress_bar("scenes") as advance:
            write_tabletop_scenes(output, count, seed, lambda done: advance(done, count))
        typer.echo(f"{count} scenes: {output.resolve()}")


def _load(mesh: Path) -> KnownObject:
    from isometry.datasets.mesh_file import read_mesh
    from isometry.object_pose.library import load_object

    with progress_bar(f"preparing {mesh.stem}") as advance:
        return load_object(mesh, read_mesh, advance)


def _print(known: KnownObject) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from isometry.evaluation.object_pose.object_page import describe

    console = Console(highlight=False)
    table = Table(show_header=False)
    for name, text in {"object": known.name, **describe(known)}.items():
        table.add_row(name, f"[bold]{escape(text)}[/bold]")
    console.print(table)
    for remark in known.remarks:
        console.print(f"[yellow]{escape(remark)}[/yellow]", soft_wrap=True)
    done = "prepared before" if known.loaded else "prepared"
    console.print(f"{done}: {escape(str(known.path.with_suffix('.prepared.npz')))}", soft_wrap=True)
