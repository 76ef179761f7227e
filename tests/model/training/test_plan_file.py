"""A plan is written to be read: it comes back as it was, with a person's edits, and every mistake is named."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mamba_hunet.training.plan import BatchPlan, ExcludedCase, OptimiserPlan, Plan, ScanPlan
from mamba_hunet.training.plan_file import PlanError, parse_plan, read_plan, with_steps, write_plan
from mamba_hunet.training.plan_rules import ReasonedPlan

PLAN = Plan(
    patients=["a", "b"],
    smallest_lesion_ml=0.01,
    training=OptimiserPlan(steps=4000, learning_rate=1e-3, bfloat16=True, initial_share=0.5),
    batch=BatchPlan(
        batch_size=8,
        crop=160,
        axial_share=0.65,
        lesion_share=0.45,
        paste_share=0.35,
        shell_share=0.35,
        thick_share=0.5,
    ),
    scans=ScanPlan(planes=True, phantoms=12, templates=24),
    source_weights={"north": 1.0, "template": 2.0},
    excluded=[ExcludedCase(case="north/a1", reason="dark")],
)

names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
shares = st.floats(0, 1)
plans = st.builds(
    Plan,
    patients=st.lists(names, max_size=9),
    smallest_lesion_ml=st.floats(0, 10),
    training=st.builds(
        OptimiserPlan,
        steps=st.integers(1, 10**6),
        learning_rate=st.floats(1e-8, 1),
        bfloat16=st.booleans(),
        initial_share=shares,
    ),
    batch=st.builds(
        BatchPlan,
        batch_size=st.integers(1, 64),
        crop=st.integers(1, 8).map(lambda n: 32 * n),
        axial_share=shares,
        lesion_share=shares,
        paste_share=shares,
        shell_share=shares,
        thick_share=shares,
    ),
    scans=st.builds(ScanPlan, planes=st.booleans(), phantoms=st.integers(0, 99), templates=st.integers(0, 99)),
    source_weights=st.dictionaries(names, st.floats(0, 9)),
    excluded=st.lists(st.builds(ExcludedCase, case=names, reason=names), max_size=3),
)


def text_of(plan: Plan) -> str:
    document = plan.model_dump()
    keys = [f"{name}.{key}" for name, part in document.items() if isinstance(part, dict) for key in part]
    reasons = {key: f"why {key} is so" for key in (*keys, "patients", "smallest_lesion_ml")}
    return write_plan(ReasonedPlan(plan, reasons), ["two patients"])


@given(plan=plans)
@settings(max_examples=25)
def test_a_plan_comes_back_as_it_was_written(plan: Plan):
    assert parse_plan(text_of(plan), "plan.toml") == plan


def test_each_value_has_its_reason_above_it():
    lines = text_of(PLAN).splitlines()
    for key in ("crop", "steps", "planes", "smallest_lesion_ml"):
        place = next(n for n, line in enumerate(lines) if line.startswith(f"{key} ="))
        assert lines[place - 1].startswith("# why ")
    assert "Research use only" in lines[1]
    assert "# two patients" in lines


def test_other_steps_leave_a_persons_edits_and_comments_alone():
    edited = text_of(PLAN).replace("crop = 160", "crop = 128  # smaller heads here")
    changed = with_steps(edited, 12)
    assert "# smaller heads here" in changed
    assert "# why training.steps is so" in changed
    assert tomllib.loads(changed)["training"]["steps"] == 12
    assert parse_plan(changed, "plan.toml").batch.crop == 128


@pytest.mark.parametrize(
    ("was", "now", "message"),
    [
        ("crop = 160", "crop = 150", r"batch\.crop = 150 .*multiple of 32"),
        ("crop = 160", "crop = '160'", r"batch\.crop = '160' .*multiple of 32"),
        ("crop = 160", "krop = 160", r"batch\.krop is no key.*batch_size, crop, axial_share"),
        ("crop = 160", "", r"batch\.crop is missing.*multiple of 32"),
        ("paste_share = 0.35", "paste_share = 1.35", r"batch\.paste_share = 1\.35 .*0 to 1"),
        ("paste_share = 0.35", "paste_share = nan", r"batch\.paste_share = nan .*0 to 1"),
        ("bfloat16 = true", "bfloat16 = 1", r"training\.bfloat16 = 1 .*true or false"),
        ("bfloat16 = true", "bfloat16 = yes", r"no TOML"),
        ("steps = 4000", "steps = 0", r"training\.steps = 0 .*1 or more"),
        ("north = 1.0", "north = -1.0", r"source_weights\.north = -1\.0 .*0 or more"),
        ("[scans]", "[scan]", r"scan is no key.*patients, smallest_lesion_ml, training, batch, scans"),
        ('case = "north/a1"', "case = 3", r"excluded\.0\.case = 3 .*name in quotes"),
        ("smallest_lesion_ml = 0.01", "smallest_lesion_ml = -1", r"smallest_lesion_ml = -1 .*0 or more millilitres"),
    ],
)
def test_a_mistake_is_named_with_the_file_the_key_and_what_is_allowed(was: str, now: str, message: str):
    text = text_of(PLAN)
    assert was in text
    with pytest.raises(PlanError, match=r"plan\.toml: .*" + message):
        parse_plan(text.replace(was, now), "plan.toml")


def test_whole_numbers_may_stand_for_fractions():
    text = text_of(PLAN).replace("learning_rate = 0.001", "learning_rate = 1").replace("north = 1.0", "north = 1")
    plan = parse_plan(text, "plan.toml")
    assert (plan.training.learning_rate, plan.source_weights["north"]) == (1.0, 1.0)


def test_a_plan_that_is_not_there_is_an_error_with_the_command_that_makes_one(tmp_path: Path):
    with pytest.raises(PlanError, match="hunet plan"):
        read_plan(tmp_path / "plan.toml")


def test_a_plan_becomes_the_settings_of_a_run():
    run = PLAN.settings("unet", seed=3)
    assert (run.model_name, run.seed, run.steps, run.batch.crop, run.templates) == ("unet", 3, 4000, 160, 24)
    assert run.source_weights == PLAN.source_weights
