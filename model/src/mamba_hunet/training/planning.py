"""Plans and the data they are for: making a plan for cases, and checking that a plan and cases go together."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from hunet_client.errors import UsageError
from hunet_client.notice import RESEARCH_USE_ONLY

from mamba_hunet.data.cases import Case
from mamba_hunet.data.fingerprint import Fingerprint, take_fingerprint
from mamba_hunet.data.fingerprint_picture import fingerprint_png
from mamba_hunet.data.fingerprint_summary import as_document
from mamba_hunet.data.outliers import fault_of
from mamba_hunet.data.template import has_template
from mamba_hunet.networks import create_model, list_models
from mamba_hunet.networks.base import SegmentationNetwork
from mamba_hunet.result_file import write_result
from mamba_hunet.training.machine import this_machine
from mamba_hunet.training.plan import Plan
from mamba_hunet.training.plan_description import describe
from mamba_hunet.training.plan_file import PlanError, write_plan
from mamba_hunet.training.plan_rules import Circumstances, make_plan
from mamba_hunet.training.settings import TrainingSettings


@dataclass(frozen=True)
class PlanWish:
    """What a plan is wanted for.

    Attributes:
        model_name: the network to be trained.
        template_folder: where the anatomy for template scans would be.
        pretrained: whether the training goes on from trained weights.
    """

    model_name: str
    template_folder: Path
    pretrained: bool = False


@dataclass(frozen=True)
class NewPlan:
    """A plan that was just made: its text, and what it was made from."""

    plan: Plan
    text: str
    fingerprint: Fingerprint


def plan_training(cases: Iterable[Case], wanted: PlanWish, progress: Callable[[Case], None] | None = None) -> NewPlan:
    """Looks at cases, all of them to be trained on, and makes a plan for this machine.

    Args:
        cases: nobody who is held out may be among them.
        wanted: for which network and training.
        progress: called after each case.

    Raises:
        UsageError: no such network.
        DataError: no case is fit to be trained on.
    """
    network = _network(wanted.model_name)
    fingerprint = take_fingerprint(cases, fault_of, progress)
    circumstances = Circumstances(
        this_machine(),
        network.slice_size,
        network.learning_rate,
        has_template(wanted.template_folder),
        wanted.pretrained,
    )
    reasoned = make_plan(fingerprint, circumstances)
    return NewPlan(
        reasoned.plan,
        write_plan(
            reasoned,
            [f"For {wanted.model_name}{', trained before' if wanted.pretrained else ''}.", *describe(fingerprint)],
        ),
        fingerprint,
    )


def write_plan_files(path: Path, new: NewPlan) -> list[Path]:
    """Writes a plan, and beside it its fingerprint as JSON and as a picture. Raises InputError."""
    document = as_document(new.fingerprint) | {"notice": RESEARCH_USE_ONLY}
    contents = {
        path: new.text.encode(),
        path.with_suffix(".fingerprint.json"): json.dumps(document, indent=1, allow_nan=False).encode(),
        path.with_suffix(".png"): fingerprint_png(new.fingerprint),
    }
    for file, content in contents.items():
        write_result(file, content)
    return list(contents)


def check_plan(plan: Plan, name: str, cases: Sequence[Case], held_out: Sequence[Case], model_name: str) -> None:
    """Checks that a plan is one for these cases and this network.

    Args:
        plan: to be checked.
        name: its file, for the error.
        cases: all that there are; names in the plan have to be among them.
        held_out: those that are not trained on; the plan must not be made from them.
        model_name: the network to be trained.

    Raises:
        PlanError: it is not.
        UsageError: no such network.
    """
    seen = {case.patient for case in held_out} & set(plan.patients)
    if seen:
        whose = ", ".join(sorted(seen))
        raise PlanError(name, f"was made from scans of {whose}, held out now", "Make it anew, holding out the same")
    _check_known(name, "excluded", plan.excluded_cases, {case_name(case) for case in cases})
    sources = {case.source for case in cases} | set(TrainingSettings().source_weights)
    _check_known(name, "source_weights", plan.source_weights, sources)
    crop = plan.batch.crop
    try:
        _network(model_name).check_size(torch.empty(1, 1, crop, crop, device="meta"))
    except ValueError as exc:
        raise PlanError(name, f"batch.crop = {crop} does not suit {model_name}: {exc}", "Set another crop") from exc


def case_name(case: Case) -> str:
    """As plans and checkpoints write it."""
    return f"{case.source}/{case.name}"


def _check_known(name: str, key: str, named: Iterable[str], known: set[str]) -> None:
    if unknown := set(named) - known:
        what = f"{key} names {', '.join(sorted(unknown))}, which the data do not have"
        raise PlanError(name, what, f"Known are {', '.join(sorted(known))}")


def _network(model_name: str) -> SegmentationNetwork:
    if model_name not in list_models():
        raise UsageError(f"--model {model_name}", "no such network", f"Choose one of {', '.join(list_models())}")
    with torch.device("meta"):
        return create_model(model_name)
