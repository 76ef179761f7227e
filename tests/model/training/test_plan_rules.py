"""What the rules make of data: the base for few patients, something else where the data call for it."""

from dataclasses import replace

import numpy as np
import pytest
from mamba_hunet.data.batches import BatchSettings
from mamba_hunet.data.fingerprint import CaseFingerprint, Exclusion, Fingerprint
from mamba_hunet.data.z_histogram import ZHistogram
from mamba_hunet.training.machine import Machine, this_machine
from mamba_hunet.training.plan import Plan
from mamba_hunet.training.plan_rules import BASE, Circumstances, make_plan
from preprocess_service.pipeline import SlicePlane

LARGE = Machine(native_bfloat16=True, memory_bytes=24 * 2**30)


@pytest.fixture
def thick() -> CaseFingerprint:
    """One whole head of thick slices, long as heads are; lesions on a little over half of the slices."""
    return CaseFingerprint(
        source="north",
        name="a1",
        patient="a",
        is_volume=True,
        shape=(256, 256, 40),
        spacing_mm=(0.8, 0.8, 4.0),
        orientation="LAS",
        plane=SlicePlane.AXIAL,
        slice_spacing_mm=4.0,
        brain_extracted=False,
        slices=40,
        head_slices=36,
        lesion_slices=20,
        head_mm=np.full(36, 205.0),
        tissue_z=ZHistogram.of(np.zeros(9)),
        lesion_z=ZHistogram.of(np.full(9, 3.0)),
        surrounding_z=0.0,
        lesions_in_air=0.0,
        lesion_ml=np.array([0.02, 0.5]),
        example=(np.zeros((256, 256), np.float16), np.zeros((256, 256), np.float16)),
    )


@pytest.fixture
def thin(thick: CaseFingerprint) -> CaseFingerprint:
    return replace(thick, shape=(182, 218, 182), spacing_mm=(1.0, 1.0, 1.0), slices=182, slice_spacing_mm=1.0)


def data_of(case: CaseFingerprint, patients: int, sources: int = 1) -> list[CaseFingerprint]:
    return [replace(case, patient=f"p{n}", name=f"c{n}", source=f"s{n % sources}") for n in range(patients)]


def plan_for(cases: list[CaseFingerprint], machine: Machine = LARGE, **circumstances) -> Plan:
    found = Fingerprint(tuple(cases), (), tuple(sorted({case.patient for case in cases})))
    return make_plan(found, Circumstances(machine, **circumstances)).plan


def test_few_patients_of_four_mixed_sources_get_the_base(thick: CaseFingerprint, thin: CaseFingerprint):
    extracted = replace(thin, brain_extracted=True)
    plan = plan_for([*data_of(thick, 4, sources=4), *data_of(extracted, 4, sources=4)])
    assert BatchSettings(**plan.batch.model_dump()) == BASE.batch
    assert (plan.training.steps, plan.training.learning_rate) == (BASE.steps, BASE.learning_rate)
    assert (plan.scans.planes, plan.scans.phantoms, plan.scans.templates) == (True, BASE.phantoms, BASE.templates)
    assert plan.source_weights == BASE.source_weights | {f"s{n}": 1.0 for n in range(4)}


def test_many_patients_need_less_that_is_drawn_and_more_steps(thick: CaseFingerprint):
    few, many = plan_for(data_of(thick, 8)), plan_for(data_of(thick, 32))
    assert many.scans.templates == few.scans.templates / 2
    assert many.scans.phantoms == few.scans.phantoms / 2
    assert many.batch.paste_share == pytest.approx(few.batch.paste_share / 2, abs=0.01)
    assert many.source_weights["template"] == pytest.approx(few.source_weights["template"] / 2, abs=0.01)
    assert many.training.steps == 2 * few.training.steps


def test_a_source_of_many_patients_counts_a_little_more(thick: CaseFingerprint):
    large = [replace(case, source="large", patient=f"large-{case.patient}") for case in data_of(thick, 16)]
    weights = plan_for([*large, thick]).source_weights
    assert weights["large"] == pytest.approx(2 * weights["north"], abs=0.02)


def test_patients_of_a_single_slice_are_not_worth_those_of_a_volume(thick: CaseFingerprint):
    picture = replace(thick, is_volume=False, slices=1, head_slices=1, lesion_slices=1)
    assert plan_for(data_of(picture, 40)).training.steps == BASE.steps
    assert plan_for(data_of(thick, 40)).training.steps > BASE.steps


def test_heads_are_drawn_only_on_brains(thick: CaseFingerprint):
    assert plan_for([thick]).batch.shell_share == 0
    assert plan_for([thick, replace(thick, brain_extracted=True)]).batch.shell_share == BASE.batch.shell_share


def test_only_thin_volumes_are_thickened_and_sliced_in_all_planes(thick: CaseFingerprint, thin: CaseFingerprint):
    assert (plan_for([thick]).scans.planes, plan_for([thick]).batch.thick_share) == (False, 0)
    assert plan_for([thin]).scans.planes


def test_more_slices_than_memory_are_not_asked_for(thin: CaseFingerprint):
    volumes = data_of(thin, 20)
    assert plan_for(volumes).scans.planes
    assert not plan_for(volumes, Machine(True, 4 * 2**30)).scans.planes


def test_a_small_head_is_covered_by_a_small_crop_of_more_slices(thick: CaseFingerprint):
    plan = plan_for([replace(thick, head_mm=np.full(36, 120.0))])
    assert plan.batch.crop == 128
    assert plan.batch.batch_size == 12
    assert plan.training.learning_rate == pytest.approx(BASE.learning_rate * 1.5**0.5, rel=0.03)


def test_little_memory_makes_small_steps(thick: CaseFingerprint):
    plan = plan_for([thick], Machine(False, 2 * 2**30))
    assert plan.batch.batch_size * plan.batch.crop**2 * 5 * 1024 <= 2**30 / 4
    assert plan.training.bfloat16 is False


def test_a_network_of_one_size_gets_it(thick: CaseFingerprint):
    plan = plan_for([thick], slice_size=256)
    assert (plan.batch.crop, plan.batch.batch_size) == (256, 3)


def test_rare_lesions_are_drawn_more_often(thick: CaseFingerprint):
    shares = [plan_for([replace(thick, lesion_slices=n)]).batch.lesion_share for n in (2, 20, 36)]
    assert shares == [0.6, BASE.batch.lesion_share, 0.3]


def test_no_template_scans_without_their_anatomy(thick: CaseFingerprint):
    assert plan_for([thick], has_template=False).scans.templates == 0


@pytest.mark.parametrize(("tenth", "smallest"), [(0.0001, 0.003), (0.008, 0.008), (2.0, 0.014)])
def test_the_smallest_lesion_is_that_of_the_raters_within_bounds(thick: CaseFingerprint, tenth: float, smallest: float):
    assert plan_for([replace(thick, lesion_ml=np.full(20, tenth))]).smallest_lesion_ml == smallest


def test_every_field_has_a_reason_of_a_line(thick: CaseFingerprint):
    found = Fingerprint((thick,), (Exclusion("north/a2", "dark"),), ("a",))
    reasoned = make_plan(found, Circumstances(this_machine()))
    document = reasoned.plan.model_dump()
    fields = {f"{name}.{key}" for name in ("training", "batch", "scans", "source_weights") for key in document[name]}
    assert set(reasoned.reasons) == fields | {"patients", "smallest_lesion_ml"}
    assert all(reason and "\n" not in reason for reason in reasoned.reasons.values())
    assert reasoned.plan.excluded_cases == {"north/a2"}


def test_without_volumes_drawn_scans_stand_in_for_them(thick: CaseFingerprint):
    picture = replace(thick, is_volume=False, slices=1, head_slices=1, lesion_slices=1)
    plan = plan_for(data_of(picture, 11))
    assert BatchSettings(**plan.batch.model_dump()) == BASE.batch
    assert plan.scans.templates == 3 * BASE.templates
    assert plan.source_weights == BASE.source_weights | {"s0": 0.25}


def test_a_trained_network_needs_half_the_steps(thick: CaseFingerprint):
    fresh, trained = plan_for(data_of(thick, 8)), plan_for(data_of(thick, 8), pretrained=True)
    assert trained.training.steps == fresh.training.steps / 2
    assert (fresh.training.initial_share, trained.training.initial_share) == (0.0, 0.5)
    assert trained.source_weights == fresh.source_weights
    assert trained.batch == fresh.batch


def test_a_network_has_its_own_learning_rate(thick: CaseFingerprint):
    usual = plan_for([thick]).training.learning_rate
    own = plan_for([thick], learning_rate=0.3 * BASE.learning_rate).training.learning_rate
    assert own == pytest.approx(0.3 * usual, rel=0.05)
