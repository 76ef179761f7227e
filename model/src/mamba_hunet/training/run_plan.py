"""The plan that a run is by: it lies in the run's folder from the first step on."""

from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import Progress

from mamba_hunet.data.split import Split
from mamba_hunet.result_file import write_result
from mamba_hunet.training.loop import RunMismatchError
from mamba_hunet.training.plan import Plan
from mamba_hunet.training.plan_file import PlanError, parse_plan, read_plan, with_steps
from mamba_hunet.training.planning import NewPlan, PlanWish, case_name, check_plan, plan_training, write_plan_files

PLAN_NAME = "plan.toml"


@dataclass(frozen=True)
class SettledPlan:
    """``plan`` and its ``text``; ``new`` is the same plan with what it was made from, where it was made for the run."""

    plan: Plan
    text: str
    new: NewPlan | None = None


def settle_plan(
    split: Split,
    wanted: PlanWish,
    run_folder: Path,
    given: Path | None,
    steps: int | None,
    bars: Progress,
) -> SettledPlan:
    """The given plan, else the one in the run's folder, else one made for the cases to be trained on.

    Raises:
        PlanError: the plan cannot be read, or is not for these data and this network.
        UsageError: no such network.
        DataError: no case is fit to be trained on.
    """
    file = given or run_folder / PLAN_NAME
    if given or file.is_file():
        plan, text = read_plan(file)
        if steps:
            text = with_steps(text, steps)
            plan = parse_plan(text, str(file))
        check_plan(plan, str(file), split.cases, split.held_out, wanted.model_name)
        if all(case_name(case) in plan.excluded_cases for case in split.training):
            raise PlanError(str(file), "excludes every case that is not held out", "Delete entries of excluded")
        if plan.training.initial_share and not wanted.pretrained:
            what = "keeps a share of initial weights, and there are none"
            raise PlanError(str(file), what, "Give --from FILE, or set training.initial_share = 0.0")
        return SettledPlan(plan, text)
    task = bars.add_task("looking at scans", total=len(split.training), loss="")
    new = plan_training(split.training, wanted, lambda _case: bars.advance(task))
    if steps:
        text = with_steps(new.text, steps)
        new = replace(new, plan=parse_plan(text, str(file)), text=text)
    return SettledPlan(new.plan, new.text, new)


def keep_plan(settled: SettledPlan, run_folder: Path) -> Path:
    """Writes the plan into the run's folder, and with a new one its fingerprint and picture.

    Raises:
        RunMismatchError: the folder holds a run by another plan.
    """
    kept = run_folder / PLAN_NAME
    if kept.is_file():
        if read_plan(kept)[0] != settled.plan:
            raise RunMismatchError(
                str(run_folder), "holds a run by another plan", "Give another --run folder, or delete this one"
            )
        return kept
    if settled.new:
        write_plan_files(kept, settled.new)
    else:
        write_result(kept, settled.text.encode())
    return kept
