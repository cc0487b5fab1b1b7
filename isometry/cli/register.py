"""`isometry register TARGET SOURCE`: exits 0 when a transform is accepted, 2 when one is not, 1 on bad input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isometry.cli.common.arguments import parse_point
from isometry.cli.common.browser import Host, address
from isometry.cli.common.progress import clear_errors, needs
from isometry.cli.common.providers import Provider, ProviderOptions

if TYPE_CHECKING:
    from isometry.arrays import Array
    from isometry.datasets.point_cloud_file import PointCloudFile
    from isometry.registration.types import Registration

NOT_ACCEPTED = 2  # exit code
SCAN_ENDINGS = (".bin",)  # of files that hold a scan in its sensor's frame
VIEWPOINT_HELP = "Position of its sensor: auto (origin for .bin, else none), origin, none or x,y,z."


def register(
    target: Annotated[Path, typer.Argument(help="PCD, PLY, LAS, LAZ, .bin, NumPy or mesh file, in metres.")],
    source: Annotated[Path, typer.Argument(help="The same: the cloud that is registered to the target.")],
    model: Annotated[
        str,
        typer.Option(help="Source of hypotheses: upright, equivariant, invariant, or default: several in turn."),
    ] = "default",
    resolution: Annotated[float, typer.Option(min=0.0, help="Metres between points; 0: by the clouds' extent.")] = 0.0,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = "",
    target_viewpoint: Annotated[str, typer.Option(help=VIEWPOINT_HELP)] = "auto",
    source_viewpoint: Annotated[str, typer.Option(help=VIEWPOINT_HELP)] = "auto",
    json_file: Annotated[Path | None, typer.Option("--json", help="File for the result.")] = None,
    view: Annotated[
        bool, typer.Option("--view", help="Show both in a browser, before and after. Needs viser.")
    ] = False,
    up: Annotated[str, typer.Option(help="The target's axis that points up on the screen, such as +z or -y.")] = "+z",
    port: Annotated[int, typer.Option(help="Port on this machine, for --view.")] = 8080,
    host: Host = "127.0.0.1",
    columns: Annotated[
        int, typer.Option(min=0, max=64, help="Columns of float32 in .bin files; 0: as their values tell.")
    ] = 0,
) -> None:
    """Find the rigid transform between two clouds in any orientation, without an initial estimate.

    T_target_source maps points of SOURCE to TARGET. Exit code: 0 accepted, 2 not accepted (the printed transform is
    then only the best that was found), 1 for input that cannot be registered.

    The viewpoint of a scan in its sensor's frame makes the result more reliable: --source-viewpoint origin.
    """
    with clear_errors():
        from isometry.datasets.point_cloud_file import open_point_cloud
        from isometry.evaluation.common.provenance import provenance, write_json
        from isometry.evaluation.registration.measure import networks_of
        from isometry.inference import ProviderParameters
        from isometry.registration.files import as_table, register_points
        from isometry.registration.parameters import RegistrationParameters
        from isometry.registration.pipeline import load_registrar

        viewpoints = parse_viewpoint(target, target_viewpoint), parse_viewpoint(source, source_viewpoint)
        if columns and not any(path.suffix.lower() in SCAN_ENDINGS for path in (target, source)):
            raise ValueError(f"--columns {columns}: neither file ends in .bin")
        registrar = load_registrar(
            model, RegistrationParameters(resolution=resolution), ProviderParameters(provider, provider_options)
        )
        target_points, source_points = (_read(open_point_cloud(path, columns), path) for path in (target, source))
        found = register_points(registrar, target_points, source_points, *viewpoints)
        _print(found)
        if json_file is not None:
            origin = provenance(f"{target.name} {source.name}", model, networks_of(registrar))
            write_json(json_file, origin | as_table(found))
        if view:
            with needs("viser"):
                from isometry.evaluation.registration.view import show
            server = show(target_points, source_points, found, port, up, host)
            typer.echo(address(server))
            server.sleep_forever()
    if not found.accepted:
        raise typer.Exit(NOT_ACCEPTED)


def parse_viewpoint(path: Path, text: str) -> Array | None:
    """Position of the sensor in a file's frame: (3,) metres, or None where it is unknown.

    `text` is "origin" (a scan in its sensor's frame), "none" (a map or a model), "x,y,z", or "auto": the origin for
    a .bin, none for the others. VIEWPOINT in the header of a PCD is not used: nearly all files have the default,
    whether it is right or not. Raises ValueError for another text.
    """
    import numpy as np

    if text == "auto":
        return np.zeros(3) if path.suffix.lower() in SCAN_ENDINGS else None
    if text in ("origin", "none"):
        return np.zeros(3) if text == "origin" else None
    return np.array(parse_point("viewpoint", text, "auto, origin, none"))


def _read(file: PointCloudFile, path: Path) -> Array:
    """The points of a file; a layout that was told from its values is said."""
    if file.layout:
        typer.echo(f"{path}: read as {file.layout}", err=True)
    return file.points


def _print(found: Registration) -> None:
    import numpy as np

    from isometry.registration.files import REASONS, as_table

    table = as_table(found)
    lines = ["T_target_source"]
    lines += ["  " + " ".join(f"{value:14.9f}" for value in row) for row in table["T_target_source"]]
    numbers = {
        "translation, m": (table["translation_m"], ".4f"),
        "quaternion x y z w": (table["quaternion_xyzw"], ".9f"),
    }
    if table["sigma_translation_m"] is not None:
        numbers["standard deviation x y z, m"] = table["sigma_translation_m"], ".4f"
        numbers["standard deviation roll pitch yaw, deg"] = table["sigma_rotation_deg"], ".4f"
    lines += [
        f"{name + ':':40}" + " ".join(format(value, form) for value in values)
        for name, (values, form) in numbers.items()
    ]
    seconds = float(np.sum(list(found.seconds.values())))
    lines += [
        f"{'confidence:':40}{found.confidence:.4f}",
        f"{'overlap:':40}{found.overlap:.3f}",
        f"{'proposed by:':40}{found.proposed_by or '-'}, in {seconds:.2f} s",
        REASONS[found.reason],
    ]
    typer.echo("\n".join(lines))
