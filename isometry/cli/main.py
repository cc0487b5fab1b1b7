"""The command `isometry`. Each subcommand imports what it needs when it is called."""

from __future__ import annotations

import typer

from isometry.cli import bag, demo, evaluate, export, models, object, register, run, train, view

app = typer.Typer(help="ROS 2 perception that gives the same answer whichever way it is turned.", no_args_is_help=True)
app.add_typer(run.app, name="run")
app.command("demo")(demo.demo)
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(train.app, name="train")
app.add_typer(export.app, name="export")
app.add_typer(models.app, name="models")
app.add_typer(bag.app, name="bag")
app.add_typer(object.app, name="object")
app.command("register")(register.register)
app.command("view")(view.view)


def main() -> None:
    """Entry point."""
    app()
