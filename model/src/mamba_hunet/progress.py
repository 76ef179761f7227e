"""Progress bars of the commands that take minutes to hours."""

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bars(console: Console) -> Progress:
    """Bars that show how far each task is; a task says the latest loss in its field ``loss``, or an empty string."""
    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TextColumn("{task.fields[loss]}"), TimeRemainingColumn()]
    return Progress(*columns, console=console)
