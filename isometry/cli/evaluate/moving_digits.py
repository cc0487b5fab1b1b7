"""`isometry evaluate moving-digits`: the experiments of flow-equivariant recurrence, from the exported steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from isometry.cli.common.progress import clear_errors, needs, needs_training_extra
from isometry.cli.common.results import Json, Report
from isometry.cli.common.threads import use_one_thread

if TYPE_CHECKING:
    from isometry.datasets.moving_digits import Motion
    from isometry.inference.recurrent_step import RecurrentStep


def moving_digits(
    motion: Annotated[str, typer.Option(help="How the digits move: translating or rotating.")] = "translating",
    sequences: Annotated[int, typer.Option(min=1, help="Sequences of 70 images at each range of velocities.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sequences.")] = 0,
    model: Annotated[Path | None, typer.Option(help="Another flow-equivariant step file.")] = None,
    plain: Annotated[Path | None, typer.Option(help="Another ordinary step file.")] = None,
    rivals: Annotated[
        bool, typer.Option("--rivals", help="Time untrained ordinary networks of other widths too (needs torch).")
    ] = False,
    json_file: Json = None,
    report: Report = None,
) -> None:
    """Errors of predicted images to frame 70, at velocities trained on and wider ones; time of a step, one thread."""
    use_one_thread()
    with clear_errors():
        import numpy as np
        from rich.progress import track

        from isometry.evaluation.common.provenance import provenance, write_json
        from isometry.evaluation.moving_digits import measure as evaluation

        with needs("scikit-learn"):
            from isometry.datasets.moving_digits import SEEN, SIZE, WIDEST, MovingDigits

            digits = MovingDigits(cast("Motion", motion), WIDEST.get(motion, 0), training=False)
        files = {"flow": model, "plain": plain}
        predictors = {
            name: evaluation.DigitsPredictor(path or evaluation.shipped(digits.motion, name), digits.motion)
            for name, path in files.items()
        }
        networks = evaluation.evaluate(
            digits.motion, predictors, sequences, seed, lambda ranges: track(ranges, "velocities")
        )
        steps = evaluation.step_microseconds({n: p.step for n, p in predictors.items()}, SIZE[digits.motion])
        flow, ordinary = networks["flow"], networks["plain"]
        result: dict[str, Any] = {
            **provenance(
                f"{motion} digits, {sequences} sequences, seed {seed}",
                predictors["flow"].model.name,
                predictors["flow"].model.sha256,
            ),
            "motion": motion,
            "error_ratio_seen_velocities": flow["error_seen_velocities"] / ordinary["error_seen_velocities"],
            "error_ratio_widest_velocities": flow["error_widest_velocities"] / ordinary["error_widest_velocities"],
            "step_us": steps,
            "step_time_ratio": steps["flow"] / steps["plain"],
            "networks": networks,
        }
        if rivals:
            result["rivals"] = _rivals(digits.motion, networks["flow"], predictors["flow"].step)
        if json_file is not None:
            write_json(json_file, result)
        if report is not None:
            from isometry.evaluation.moving_digits.report import write_report

            images = digits.sequences(np.random.default_rng(seed), 1, SEEN + evaluation.PREDICTED)
            following = {name: p.predict(images[:, :SEEN], evaluation.PREDICTED)[0] for name, p in predictors.items()}
            write_report(report, result, images[0], following)
        _summarise(result)


def _rivals(motion: Motion, figures: dict[str, Any], flow: RecurrentStep) -> dict[str, Any]:
    """Time of a step over those of ordinary networks: of a kernel that reaches one cell; of as large a state."""
    with needs_training_extra("timing other widths"):
        from isometry.training.moving_digits.export import untrained_plain_step
    from isometry.datasets.moving_digits import SIZE
    from isometry.evaluation.moving_digits.measure import step_microseconds

    size = SIZE[motion]
    as_large = round(figures["state_values"] / size**2)
    steps: dict[str, Any] = {}
    for name, hidden, kernel in (("kernel_3", figures["hidden_channels"], 3), ("as_large_a_state", as_large, 5)):
        both = {"flow": flow, name: untrained_plain_step(motion, hidden, kernel)}
        taken = step_microseconds(both, size, 20 if hidden == as_large else 400)
        steps[name] = {"hidden": hidden, "step_us": taken[name], "step_time_ratio": taken["flow"] / taken[name]}
    return steps


def _summarise(result: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for name, figures in result["networks"].items():
        errors = ", ".join(
            f"{k}: {e['error_11_to_20']:.2e} / {e['error_21_to_70']:.2e}" for k, e in figures["by_velocity"].items()
        )
        console.print(f"{name}: error of frames 11-20 / 21-70 by fastest velocity {errors}")
        console.print(f"{name}: {result['step_us'][name]:.0f} us a step, {figures['state_values']:,} values of state")
    for name in ("error_ratio_seen_velocities", "error_ratio_widest_velocities", "step_time_ratio"):
        console.print(f"{name}: {result[name]:.3g}")
    for name, rival in result.get("rivals", {}).items():
        console.print(f"rival {name}: {rival['hidden']} channels, step_time_ratio {rival['step_time_ratio']:.3g}")
