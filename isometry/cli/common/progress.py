"""Progress bars of commands, and their errors for bad input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; call the result with (done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(escape(description), total=None, visible=False)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, visible=True)

        yield advance


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn bad input (ValueError, OSError) into one line on standard error and exit code 1."""
    try:
        yield
    except (ValueError, OSError) as error:
        Console(stderr=True, highlight=False).print(f"[red]error:[/red] {escape(str(error).strip())}", soft_wrap=True)
        raise typer.Exit(1) from error


@contextmanager
def needs(package: str) -> Iterator[None]:
    """Turn a missing optional package into a ValueError that says how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is not installed: pip install {package}") from error


@contextmanager
def needs_training_extra(task: str) -> Iterator[None]:
    """Turn a missing package of the extra `train` into a ValueError that names the task and the package."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ValueError(f"{task} needs {error.name}: pip install 'isometry[train]'") from error
