"""Only networks that were judged by the same cases are compared."""

from pathlib import Path

import pytest
from hunet_client.errors import InputError, UsageError
from mamba_hunet.comparison import group_networks
from mamba_hunet.evaluation_csv import CaseRow, SeenInTraining


def row(network, case, patient="", dice=0.5, seen=SeenInTraining.NO, file="fold.csv", truth_ml=4.0):
    figures = {"dice": dice, "truth_ml": truth_ml}
    return CaseRow(Path(file), network, "north", case, patient or case, seen, figures)


def test_the_folds_of_a_network_are_put_together():
    folds = [(None, [row("a", "1")]), (None, [row("b", "1"), row("b", "2")]), (None, [row("a", "2")])]
    assert [(network.name, len(network.rows)) for network in group_networks(folds)] == [("a", 2), ("b", 2)]


def test_a_label_tells_two_trainings_of_one_network_apart():
    networks = group_networks([("long", [row("a", "1")]), ("short", [row("a", "1")])])
    assert [network.name for network in networks] == ["long", "short"]


def test_a_case_that_stands_twice_is_refused_with_both_files():
    tables = [(None, [row("a", "1", file="one.csv")]), (None, [row("a", "1", file="two.csv")])]
    with pytest.raises(InputError, match=r"two\.csv: north/1 stands twice for a; first in one\.csv"):
        group_networks(tables)


def test_cases_that_a_network_lacks_are_named_on_both_sides():
    tables = [(None, [row("a", "1"), row("a", "2")]), (None, [row("b", "2"), row("b", "3"), row("b", "4")])]
    with pytest.raises(UsageError, match=r"a and b: .* a lacks north/3, north/4; b lacks north/1"):
        group_networks(tables)


def test_a_case_with_another_truth_is_another_case():
    tables = [(None, [row("a", "1", truth_ml=4.0)]), (None, [row("b", "1", truth_ml=4.1)])]
    with pytest.raises(InputError, match=r"truth of north/1 is 4\.1 ml, and 4\.0 ml"):
        group_networks(tables)


def test_a_patient_that_was_trained_on_proves_nothing():
    with pytest.raises(InputError, match=r"trained on patient p of north/1"):
        group_networks([(None, [row("a", "1", patient="p", seen=SeenInTraining.YES)])])
    assert group_networks([(None, [row("a", "1", seen=SeenInTraining.UNKNOWN)])])


def test_scans_of_one_patient_count_as_their_mean_and_undefined_figures_not_at_all():
    rows = [row("a", "1", "p", 0.2), row("a", "2", "p", 0.6), row("a", "3", "q", None), row("a", "4", "r", 0.9)]
    assert group_networks([(None, rows)])[0].by_patient("dice") == pytest.approx({"p": 0.4, "r": 0.9})


def test_a_table_without_the_figure_is_named():
    with pytest.raises(InputError, match=r"fold\.csv: has no column 'lesion_f1'"):
        group_networks([(None, [row("a", "1")])])[0].by_patient("lesion_f1")
