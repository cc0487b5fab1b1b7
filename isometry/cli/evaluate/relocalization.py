"""`isometry evaluate relocalization`: a robot is switched on in a world that repeats itself, one thread."""

from __future__ import annotations

from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors
from isometry.cli.common.results import Json, Report, publish
from isometry.cli.common.threads import use_one_thread
from isometry.cli.evaluate.options import RequiredWorld, WorldSeed


def relocalization(
    world: RequiredWorld,
    seed: WorldSeed = 0,
    trials: Annotated[int, typer.Option(min=1, help="How often a robot is switched on.")] = 8,
    metres: Annotated[float, typer.Option(min=2.0, help="Metres that it drives in a trial.")] = 40.0,
    drift: Annotated[float, typer.Option(min=0.0, help="Error of odometry over the distance.")] = 0.03,
    trivial: Annotated[
        bool, typer.Option("--trivial", help="The baseline: believe the first confident scan, without rivals.")
    ] = False,
    json_file: Json = None,
    report: Report = None,
) -> None:
    """Whether a robot is located where that cannot be known, and how soon it is once it can.

    The map is made of scans along the route. The robot stands, then drives at 1 m a scan with odometry that drifts. Its
    pose is unknowable while another place explains all scans as well; three of four trials begin so, if the world has
    such places. A pose is right within 2 m and 5 deg.
    """
    use_one_thread()
    with clear_errors():
        from rich.progress import track

        from isometry.evaluation.common.provenance import provenance
        from isometry.evaluation.registration.measure import networks_of
        from isometry.evaluation.relocalization.baseline import WithoutRivals
        from isometry.evaluation.relocalization.measure import figures, map_of, measure
        from isometry.evaluation.relocalization.trials import draw_trials
        from isometry.registration.parameters import RegistrationParameters
        from isometry.registration.pipeline import load_registrar
        from isometry.relocalization.parameters import RelocalizationParameters
        from isometry.relocalization.pipeline import Relocalizer
        from isometry.relocalization.places import CloudPlaces
        from isometry.simulation.worlds.registry import build_world

        built = build_world(world, seed)
        drawn = draw_trials(built, trials, metres, drift, seed)
        points, registrar = map_of(built, seed), load_registrar()
        parameters = RelocalizationParameters(confirmations=0) if trivial else RelocalizationParameters()
        map_type = WithoutRivals if trivial else CloudPlaces

        def switched_on() -> Relocalizer:
            return Relocalizer(registrar, map_type(points, RegistrationParameters()), parameters)

        results = measure(built, drawn, switched_on, seed, lambda each: track(each, "trials"))
        result = figures(results)
        data = f"world {world} seed {seed} {trials} trials of {metres:g} m drift {drift:g}"
        origin = provenance(data, "first confident scan" if trivial else "default", networks_of(registrar))
        publish(origin | result, json_file)
        if report is not None:
            from isometry.evaluation.relocalization.report import write_report

            write_report(report, result, origin, results)
