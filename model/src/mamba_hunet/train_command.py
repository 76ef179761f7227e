"""The subcommand `hunet train`. torch is loaded when it runs, not when its help is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from hunet_client.errors import UsageError
from hunet_client.notice import RESEARCH_USE_ONLY
from rich.console import Console

from mamba_hunet.split_options import split_data, split_options

if TYPE_CHECKING:
    from mamba_hunet.checkpoint import Checkpoint
    from mamba_hunet.data.cases import Case
    from mamba_hunet.data.folds import Fold

_folder = click.Path(path_type=Path, file_okay=False)
_file = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Train a network on labelled FLAIR scans.")
@click.option("--data", type=_folder, required=True, help="Folder of <source>/<case>/flair.nii.gz.")
@click.option("--model", "model_name", default="mamba_hunet", show_default=True, help="Network to train.")
@click.option("--run", "run_folder", type=_folder, help="State and log go here.  [default: runs/MODEL]")
@click.option("--output", type=_file, help="Finished checkpoint.  [default: RUN/MODEL.safetensors]")
@split_options
@click.option("--from", "initial", type=_file, help="Go on from this checkpoint's weights instead of fresh ones.")
@click.option("--plan", "plan_file", type=_file, help="Train by this plan.  [default: one made for the data]")
@click.option("--steps", type=click.IntRange(min=1), help="Optimiser steps, if not as many as the plan says.")
@click.option(
    "--template-folder",
    type=_folder,
    default=Path("/usr/share/mricron/templates"),
    show_default=True,
    help="Where Debian's mricron-data lies: ch2.nii.gz, ch2bet.nii.gz, aal.nii.gz.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of weights, batches and dropout.")
def train(
    data: Path,
    model_name: str,
    run_folder: Path | None,
    output: Path | None,
    hold_out: tuple[str, ...],
    fold: Fold | None,
    everybody: bool,
    synthetic: bool,
    initial: Path | None,
    plan_file: Path | None,
    steps: int | None,
    template_folder: Path,
    seed: int,
) -> None:
    """Train a network and write a checkpoint.

    Patients, never slices, are held out: those of --hold-out or of a --fold for cross-validation, else those that the
    data's cases.csv marks as "val", else a random 15%. Without --plan, the run makes the plan that `hunet plan` would,
    and keeps it in its folder. A run that was stopped or killed goes on where it was when the same command is given
    again.
    """
    split = split_data(data, hold_out, fold, everybody, synthetic, seed)
    import torch

    from mamba_hunet.checkpoint import CheckpointConfig, save_checkpoint
    from mamba_hunet.data.batches import TrainingBatches
    from mamba_hunet.data.library import load_stacks, phantom_stacks, template_stacks
    from mamba_hunet.data.template import read_template
    from mamba_hunet.memory import keep_freed_memory
    from mamba_hunet.progress import progress_bars
    from mamba_hunet.training.blend import blend
    from mamba_hunet.training.loop import check_run_folder
    from mamba_hunet.training.loop import train as run_training
    from mamba_hunet.training.planning import PlanWish, case_name
    from mamba_hunet.training.run_plan import keep_plan, settle_plan

    keep_freed_memory()
    console = Console()
    run_folder = run_folder or Path("runs") / model_name
    output = output or run_folder / f"{model_name}.safetensors"
    held_out = split.held_out_patients
    start = _starting_point(initial, model_name, split.held_out) if initial else None
    with progress_bars(console) as bars:
        wanted = PlanWish(model_name, template_folder, pretrained=start is not None)
        settled = settle_plan(split, wanted, run_folder, plan_file, steps, bars)
        plan = settled.plan
        cases = [case for case in split.training if case_name(case) not in plan.excluded_cases]
        names = sorted(map(case_name, cases))
        settings = replace(
            plan.settings(model_name, seed),
            model_options=start.config.model_options if start else {},
            initial_weights_sha256=start.sha256 if start else "",
            cases_sha256=hashlib.sha256("\n".join(names).encode()).hexdigest(),
        )
        check_run_folder(settings, run_folder)
        console.print(f"plan: {keep_plan(settled, run_folder)}")
        console.print(f"{len(cases)} cases to train on; held out: {', '.join(held_out) or 'nobody'}")
        template = read_template(template_folder) if settings.templates else None
        reading = bars.add_task("reading scans", total=len(cases), loss="")
        stacks = load_stacks(cases, lambda _case: bars.advance(reading), plan.scans.planes)
        drawing = bars.add_task("drawing scans", total=settings.phantoms + settings.templates, loss="")
        # A second stage is shown other scans than the first.
        drawing_seed = seed + int(start.sha256[:8], 16) if start else seed
        stacks += phantom_stacks(settings.phantoms, drawing_seed, lambda: bars.advance(drawing))
        if template:
            stacks += template_stacks(template, settings.templates, drawing_seed, lambda: bars.advance(drawing))
        batches = TrainingBatches(stacks, settings.source_weights, settings.batch, drawing_seed)
        training = bars.add_task("training", total=settings.steps, loss="")
        state = run_training(
            settings,
            batches,
            run_folder,
            lambda step, loss: bars.update(training, completed=step, loss=f"loss {loss:.3f}"),
            start.model.state_dict() if start else None,
        )
    if state.step < settings.steps:
        console.print(f"stopped at step {state.step} of {settings.steps}; the same command goes on from there")
        return
    before = start.config.training if start else {}
    config = CheckpointConfig(
        model_name,
        settings.model_options,
        training={
            "settings": asdict(settings),
            "cases": sorted({*names, *before.get("cases", ())}),
            "patients": sorted({*(case.patient for case in cases), *before.get("patients", ())}),
            "held_out_patients": held_out,
            "smallest_lesion_ml": plan.smallest_lesion_ml,
        },
    )
    if start:
        blend(state.average, start.model, settings.initial_share)
    save_checkpoint(output, state.average, config, torch.float16)
    console.print(f"checkpoint: {output}; smallest lesions of its plan: --min-lesion-ml {plan.smallest_lesion_ml:g}")
    console.print(RESEARCH_USE_ONLY)


def _starting_point(initial: Path, model_name: str, held_out: Sequence[Case]) -> Checkpoint:
    """The checkpoint to go on from, which must not have seen a patient that is held out now."""
    from mamba_hunet.checkpoint import load_checkpoint
    from mamba_hunet.training.planning import case_name

    checkpoint = load_checkpoint(initial)
    if checkpoint.config.model_name != model_name:
        raise UsageError(
            str(initial), f"holds a {checkpoint.config.model_name}", f"Add --model, or train {model_name} anew"
        )
    training = checkpoint.config.training
    seen = {case_name(case) for case in held_out} & set(training.get("cases", ()))
    seen |= {case.patient for case in held_out} & set(training.get("patients", ()))
    if seen:
        raise UsageError(str(initial), f"was trained on {', '.join(sorted(seen))}", "Hold out patients it has not seen")
    return checkpoint
