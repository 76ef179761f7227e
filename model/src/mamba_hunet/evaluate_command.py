"""The subcommand `hunet evaluate`. torch is loaded when it runs, not when its help is shown."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from hunet_client.notice import RESEARCH_USE_ONLY
from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from mamba_hunet.checkpoint import Checkpoint
    from mamba_hunet.data.cases import Case
    from mamba_hunet.evaluation import CaseResult, Evaluation
    from mamba_hunet.evaluation_csv import EvaluatedNetwork

_folder = click.Path(path_type=Path, file_okay=False)
_file = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Judge a network by labelled scans, case by case.")
@click.option("--data", type=_folder, required=True, help="Folder of <source>/<case>/flair.nii.gz.")
@click.option("--checkpoint", type=_file, required=True, help="Checkpoint of `hunet train`, or published weights.")
@click.option("--model", "model_name", help="Network of a checkpoint that does not name its own.")
@click.option("--patient", "patients", multiple=True, help="Repeatable.  [default: those held out of training]")
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), help="[default: that of `hunet export` here]")
@click.option("--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="[default: 0.5]")
@click.option("--csv", "csv_file", type=_file, help="Write every figure of every case here, for `hunet compare`.")
@click.option("--calibration", "calibration_file", type=_file, help="Write the probabilities' reliability here.")
@click.option("--pictures", "picture_folder", type=_folder, help="Write a picture of hits and errors for each case.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def evaluate(
    data: Path,
    checkpoint: Path,
    model_name: str | None,
    patients: tuple[str, ...],
    precision: str | None,
    threshold: float | None,
    csv_file: Path | None,
    calibration_file: Path | None,
    picture_folder: Path | None,
    as_json: bool,
) -> None:
    """Segment labelled scans in this process and compare them with their truth, case by case.

    The pipeline and the postprocessing are those of the served system. Without --patient, the patients that the
    checkpoint was not trained on are evaluated. The second rater's agreement stands beside a case where there is one.
    """
    from hunet_client.lesions import DEFAULT_THRESHOLD

    from mamba_hunet.calibration_csv import case_reliability, reliability_as_csv
    from mamba_hunet.checkpoint import load_checkpoint
    from mamba_hunet.data.cases import DataError, find_cases
    from mamba_hunet.evaluation_csv import EvaluatedNetwork, rows_as_csv
    from mamba_hunet.memory import keep_freed_memory
    from mamba_hunet.precision import native_precision
    from mamba_hunet.result_file import make_folder, write_result

    keep_freed_memory()
    loaded = load_checkpoint(checkpoint, model_name)
    known = find_cases(data)
    wanted = set(patients or loaded.config.training.get("held_out_patients", ()))
    cases = [case for case in known if case.is_volume and case.patient in wanted]
    if not cases:
        whose = ", ".join(sorted(wanted)) or "a held-out patient"
        raise DataError(str(data), f"no volume of {whose}", "Name --patient")
    network = EvaluatedNetwork(
        loaded.config.model_name,
        str(checkpoint),
        loaded.sha256,
        precision or native_precision(),
        threshold or DEFAULT_THRESHOLD,
        shlex.join(["hunet", *sys.argv[1:]]),
    )
    # Before the segmentation, which takes minutes.
    for folder in (*(file.parent for file in (csv_file, calibration_file) if file), picture_folder):
        if folder:
            make_folder(folder)
    results, reliabilities = [], []
    for evaluation in _evaluate(loaded, cases, network):
        results.append(evaluation.result)
        reliabilities.append(case_reliability(network, evaluation))
        if picture_folder:
            _draw(evaluation, network, picture_folder)
    if csv_file:
        trained_on = _patients_trained_on(loaded, known)
        write_result(csv_file, rows_as_csv(network, results, trained_on).encode())
    if calibration_file:
        write_result(calibration_file, reliability_as_csv(reliabilities).encode())
    if as_json:
        click.echo(json.dumps(_document(network, results), indent=1))
    else:
        _print_table(network, results)


def _evaluate(loaded: Checkpoint, cases: Sequence[Case], network: EvaluatedNetwork) -> Iterator[Evaluation]:
    from mamba_hunet.evaluation import evaluate_case
    from mamba_hunet.precision import Precision
    from mamba_hunet.progress import progress_bars

    with progress_bars(Console(stderr=True)) as bars:
        task = bars.add_task("segmenting", total=len(cases), loss="")
        for case in cases:
            yield evaluate_case(loaded.model, case, network.threshold, Precision(network.precision))
            bars.advance(task)


def _patients_trained_on(loaded: Checkpoint, known: Sequence[Case]) -> set[str] | None:
    """Patients whose scans the checkpoint was trained on; none where it does not say, or not of whom they are."""
    trained = loaded.config.training.get("cases")
    if trained is None:
        return None
    whose = {f"{case.source}/{case.name}": case.patient for case in known}
    patients = loaded.config.training.get("patients")
    if patients is None and not whose.keys() >= set(trained):
        return None
    return {*(patients or ()), *(whose[name] for name in trained if name in whose)}


def _draw(evaluation: Evaluation, network: EvaluatedNetwork, folder: Path) -> None:
    from mamba_hunet.error_picture import error_picture
    from mamba_hunet.result_file import write_result

    caption = f"{network.network} {network.checkpoint_sha256[:12]}, threshold {network.threshold:g}"
    result = evaluation.result
    write_result(folder / f"{result.source}_{result.case}.png", error_picture(evaluation, caption))


def _document(network: EvaluatedNetwork, results: Sequence[CaseResult]) -> dict[str, object]:
    """What --json prints."""
    from mamba_hunet.evaluation import mean_by_patient

    return {
        **asdict(network),
        "cases": [
            {"source": result.source, "case": result.case, "patient": result.patient, **result.figures()}
            for result in results
        ],
        "mean_dice_by_patient": mean_by_patient(results, "dice"),
        "notice": RESEARCH_USE_ONLY,
    }


# Heading, figure, decimals. Sensitivity, precision and F1 are lesion-wise here.
_COLUMNS = (
    ("Dice", "dice", 3),
    ("rater2", "rater2_dice", 3),
    ("HD95", "hd95_mm", 1),
    ("sens.", "lesion_sensitivity", 2),
    ("prec.", "lesion_precision", 2),
    ("F1", "lesion_f1", 2),
    ("ml", "volume_ml", 2),
    ("truth", "truth_ml", 2),
)


def _print_table(network: EvaluatedNetwork, results: Sequence[CaseResult]) -> None:
    from mamba_hunet.evaluation import mean_by_patient

    title = f"Mean Dice by patient: {mean_by_patient(results, 'dice'):.3f}"
    weights = f"{network.network} {network.checkpoint_sha256[:12]}"
    made_by = f"{weights}, {network.precision}, threshold {network.threshold:g}."
    units = "HD95 in mm, volumes in ml. Sensitivity, precision and F1 are lesion-wise."
    table = Table(
        title=title,
        caption=f"{made_by} {units} {RESEARCH_USE_ONLY}",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for heading in ("case", "patient"):
        table.add_column(heading, overflow="fold")
    for heading, _, _ in _COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for source in sorted({result.source for result in results}):
        of_source = [result for result in results if result.source == source]
        for result in of_source:
            table.add_row(result.case, result.patient, *_cells(result.figures()))
        count = len({result.patient for result in of_source})
        means = {figure: mean_by_patient(of_source, figure) for _, figure, _ in _COLUMNS}
        patients = f"{count} patient{'s' if count > 1 else ''}"
        table.add_row(f"mean {source}", patients, *_cells(means), style="bold")
        table.add_section()
    Console().print(table)


def _cells(figures: Mapping[str, float | None]) -> Iterator[str]:
    for _, figure, decimals in _COLUMNS:
        value = figures[figure]
        yield "" if value is None else f"{value:.{decimals}f}"
