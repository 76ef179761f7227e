"""The subcommand `hunet train`. torch is loaded when it runs, not when its help is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from hunet_client.errors import UsageError
from hunet_client.notice import RESEARCH_USE_ONLY
from rich.console import Console

if TYPE_CHECKING:
    from mamba_hunet.checkpoint import Checkpoint
    from mamba_hunet.data.cases import Case
    from mamba_hunet.data.folds import Fold

_folder = click.Path(path_type=Path, file_okay=False)
_file = click.Path(path_type=Path, dir_okay=False)


def _fold(_context: click.Context, _option: click.Parameter, text: str | None) -> Fold | None:
    if text is None:
        return None
    from mamba_hunet.data.folds import Fold

    try:
        return Fold.parse(text)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


@click.command(short_help="Train a network on labelled FLAIR scans.")
@click.option("--data", type=_folder, required=True, help="Folder of <source>/<case>/flair.nii.gz.")
@click.option("--model", "model_name", default="mamba_hunet", show_default=True, help="Network to train.")
@click.option("--run", "run_folder", type=_folder, help="State and log go here.  [default: runs/MODEL]")
@click.option("--output", type=_file, help="Finished checkpoint.  [default: RUN/MODEL.safetensors]")
@click.option("--hold-out", multiple=True, metavar="PATIENT", help="Keep a patient out of training; repeatable.")
@click.option("--fold", metavar="K/N", callback=_fold, help="Hold out the K-th of N even folds of the patients.")
@click.option("--everybody", is_flag=True, help="Hold nobody out: for weights whose recipe has been judged before.")
@click.option("--from", "initial", type=_file, help="Go on from this checkpoint's weights instead of fresh ones.")
@click.option("--steps", type=click.IntRange(min=1), default=4000, show_default=True, help="Optimiser steps.")
@click.option("--batch-size", type=click.IntRange(min=1), default=8, show_default=True, help="Slices in a step.")
@click.option("--phantoms", type=click.IntRange(min=0), default=12, show_default=True, help="Synthetic scans mixed in.")
@click.option(
    "--templates",
    type=click.IntRange(min=0),
    default=24,
    show_default=True,
    help="Synthetic scans on a real head's anatomy mixed in.",
)
@click.option(
    "--template-folder",
    type=_folder,
    default=Path("/usr/share/mricron/templates"),
    show_default=True,
    help="Where Debian's mricron-data lies: ch2.nii.gz, ch2bet.nii.gz, aal.nii.gz.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of weights, batches and dropout.")
@click.option("--bfloat16", is_flag=True, help="Autocast; faster only where the processor multiplies bfloat16.")
def train(
    data: Path,
    model_name: str,
    run_folder: Path | None,
    output: Path | None,
    hold_out: tuple[str, ...],
    fold: Fold | None,
    everybody: bool,
    initial: Path | None,
    steps: int,
    batch_size: int,
    phantoms: int,
    templates: int,
    template_folder: Path,
    seed: int,
    bfloat16: bool,
) -> None:
    """Train a network and write a checkpoint.

    Patients, never slices, are held out: those of --hold-out or of a --fold for cross-validation, else those that the
    data's cases.csv marks as "val", else a random 15%. A run that was stopped or killed goes on where it was when the
    same command is given again.
    """
    if sum((bool(fold), bool(hold_out), everybody)) > 1:
        raise click.UsageError("--fold, --hold-out and --everybody contradict each other")
    import torch

    from mamba_hunet.checkpoint import CheckpointConfig, save_checkpoint
    from mamba_hunet.data.batches import BatchSettings, TrainingBatches
    from mamba_hunet.data.cases import find_cases, split_by_patient
    from mamba_hunet.data.folds import held_out_patients
    from mamba_hunet.data.library import load_stacks, phantom_stacks, template_stacks
    from mamba_hunet.data.template import read_template
    from mamba_hunet.memory import keep_freed_memory
    from mamba_hunet.progress import progress_bars
    from mamba_hunet.training.loop import train as run_training
    from mamba_hunet.training.settings import TrainingSettings

    keep_freed_memory()
    console = Console()
    run_folder = run_folder or Path("runs") / model_name
    output = output or run_folder / f"{model_name}.safetensors"
    cases = find_cases(data)
    training_cases: list[Case] = cases
    held_out_cases: list[Case] = []
    if not everybody:
        wanted = held_out_patients(cases, fold) if fold else hold_out
        training_cases, held_out_cases = split_by_patient(cases, wanted, seed)
    held_out = sorted({case.patient for case in held_out_cases})
    start = _starting_point(initial, model_name, held_out_cases) if initial else None
    console.print(f"{len(training_cases)} cases to train on; held out: {', '.join(held_out) or 'nobody'}")
    settings = TrainingSettings(
        model_name,
        start.config.model_options if start else {},
        steps=steps,
        seed=seed,
        initial_weights_sha256=start.sha256 if start else "",
        bfloat16=bfloat16,
        phantoms=phantoms,
        templates=templates,
        batch=BatchSettings(batch_size=batch_size),
    )
    template = read_template(template_folder) if templates else None
    with progress_bars(console) as bars:
        reading = bars.add_task("reading scans", total=len(training_cases), loss="")
        stacks = load_stacks(training_cases, lambda _case: bars.advance(reading))
        drawing = bars.add_task("drawing scans", total=phantoms + templates, loss="")
        stacks += phantom_stacks(phantoms, seed, lambda: bars.advance(drawing))
        if template:
            stacks += template_stacks(template, templates, seed, lambda: bars.advance(drawing))
        batches = TrainingBatches(stacks, settings.source_weights, settings.batch, seed)
        training = bars.add_task("training", total=steps, loss="")
        state = run_training(
            settings,
            batches,
            run_folder,
            lambda step, loss: bars.update(training, completed=step, loss=f"loss {loss:.3f}"),
            start.model.state_dict() if start else None,
        )
    if state.step < steps:
        console.print(f"stopped at step {state.step} of {steps}; the same command goes on from there")
        return
    config = CheckpointConfig(
        model_name,
        settings.model_options,
        training={
            "settings": asdict(settings),
            "cases": sorted({*_case_names(training_cases), *(start.config.training.get("cases", ()) if start else ())}),
            "held_out_patients": held_out,
        },
    )
    save_checkpoint(output, state.average, config, torch.float16)
    console.print(f"checkpoint: {output}\n{RESEARCH_USE_ONLY}")


def _starting_point(initial: Path, model_name: str, held_out: Sequence[Case]) -> Checkpoint:
    """The checkpoint to go on from, which must not have seen a patient that is held out now."""
    from mamba_hunet.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(initial)
    if checkpoint.config.model_name != model_name:
        raise UsageError(
            str(initial), f"holds a {checkpoint.config.model_name}", f"Add --model, or train {model_name} anew"
        )
    seen = set(_case_names(held_out)) & set(checkpoint.config.training.get("cases", ()))
    if seen:
        raise UsageError(str(initial), f"was trained on {', '.join(sorted(seen))}", "Hold out patients it has not seen")
    return checkpoint


def _case_names(cases: Sequence[Case]) -> list[str]:
    return [f"{case.source}/{case.name}" for case in cases]
