"""The subcommand `hunet evaluate`. torch is loaded when it runs, not when its help is shown."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from hunet_client.notice import RESEARCH_USE_ONLY
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from mamba_hunet.evaluation import CaseResult

_folder = click.Path(path_type=Path, file_okay=False)
_file = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Dice and lesion-wise figures per case, on labelled scans.")
@click.option("--data", type=_folder, required=True, help="Folder of <source>/<case>/flair.nii.gz.")
@click.option("--checkpoint", type=_file, required=True, help="Checkpoint of `hunet train`, or published weights.")
@click.option("--model", "model_name", help="Network of a checkpoint that does not name its own.")
@click.option("--patient", "patients", multiple=True, help="Repeatable.  [default: those held out of training]")
@click.option("--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="[default: 0.5]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def evaluate(
    data: Path,
    checkpoint: Path,
    model_name: str | None,
    patients: tuple[str, ...],
    threshold: float | None,
    as_json: bool,
) -> None:
    """Segment labelled scans in this process and compare them with their truth, case by case.

    The pipeline and the postprocessing are those of the served system. Without --patient, the patients that the
    checkpoint was not trained on are evaluated. The second rater's agreement stands beside a case where there is one.
    """
    from hunet_client.lesions import DEFAULT_THRESHOLD

    from mamba_hunet.checkpoint import load_checkpoint
    from mamba_hunet.data.cases import DataError, find_cases
    from mamba_hunet.evaluation import evaluate as evaluate_cases
    from mamba_hunet.memory import keep_freed_memory
    from mamba_hunet.progress import progress_bars

    keep_freed_memory()
    loaded = load_checkpoint(checkpoint, model_name)
    wanted = set(patients or loaded.config.training.get("held_out_patients", ()))
    cases = [case for case in find_cases(data) if case.is_volume and case.patient in wanted]
    if not cases:
        whose = ", ".join(sorted(wanted)) or "a held-out patient"
        raise DataError(str(data), f"no volume of {whose}", "Name --patient")
    with progress_bars(Console(stderr=True)) as bars:
        task = bars.add_task("segmenting", total=len(cases), loss="")
        results = evaluate_cases(
            loaded.model, cases, threshold or DEFAULT_THRESHOLD, lambda _result: bars.advance(task)
        )
    _print_results(results, as_json)


def _print_results(results: list[CaseResult], as_json: bool) -> None:
    from mamba_hunet.evaluation import mean_by_patient

    mean = mean_by_patient(results)
    if as_json:
        document = {"cases": [asdict(result) for result in results], "mean_dice_by_patient": mean}
        click.echo(json.dumps(document | {"notice": RESEARCH_USE_ONLY}, indent=1))
        return
    table = Table(title=f"Mean Dice by patient: {mean:.3f}", caption=RESEARCH_USE_ONLY)
    headings = ("source", "case", "patient", "Dice", "rater 2", "sensitivity", "precision", "F1", "ml", "truth ml")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < 3 else "right")
    for result in results:
        table.add_row(*_cells(result))
    Console().print(table)


def _cells(result: CaseResult) -> tuple[str, ...]:
    rater2 = "" if result.rater2_dice is None else f"{result.rater2_dice:.3f}"
    lesion_wise = (result.lesion_sensitivity, result.lesion_precision, result.lesion_f1)
    return (
        result.source,
        result.case,
        result.patient,
        f"{result.dice:.3f}",
        rater2,
        *(f"{value:.2f}" for value in lesion_wise),
        f"{result.volume_ml:.2f}",
        f"{result.truth_ml:.2f}",
    )
