"""An archive is segmented once, goes on where it stopped, and says what failed."""

from __future__ import annotations

import csv
import os

import nibabel
import pytest
from click.testing import CliRunner
from distributed import LocalCluster
from hunet_batch.archive import find_scans
from hunet_batch.commands import batch
from hunet_batch.table import write_table
from hunet_batch.work import BatchRow
from hunet_client.errors import InputError, UsageError
from mamba_hunet.phantom import PhantomSettings, make_phantom
from mamba_hunet.phantom.dicom_series import write_mr_series


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Two NIfTI scans in folders of their own, a DICOM series, and a file that is no scan."""
    folder = tmp_path_factory.mktemp("archive")
    phantom = make_phantom(PhantomSettings(), slices=range(12, 40))
    image = nibabel.Nifti1Image(phantom.flair, phantom.affine)
    for name in ("one/flair.nii.gz", "two/flair.nii.gz"):
        (folder / name).parent.mkdir()
        nibabel.save(image, folder / name)
    write_mr_series(folder / "three", phantom.flair, phantom.affine)
    (folder / "four").mkdir()
    (folder / "four" / "broken.nii.gz").write_bytes(b"no scan")
    return folder


def test_every_scan_has_its_results_and_its_row(running_stack, archive, tmp_path):
    run = running_stack.hunet("batch", str(archive), "-o", str(tmp_path))
    assert run.returncode == 3, run.stderr
    assert "3 done, 0 known, 1 failed" in run.stdout
    assert sorted(str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("mask.nii.gz")) == [
        "one/flair", "three", "two/flair",
    ]  # fmt: skip
    rows = list(csv.DictReader((tmp_path / "batch.csv").open()))
    by_state = {state: [row for row in rows if row["state"] == state] for state in ("done", "failed")}
    assert all(int(row["lesion_count"]) > 0 for row in by_state["done"])
    (failed,) = by_state["failed"]
    assert "broken.nii.gz" in failed["error"]
    assert all("esearch use only" in row["notice"] for row in rows)

    again = running_stack.hunet("batch", str(archive), "-o", str(tmp_path))
    assert "0 done, 3 known, 1 failed" in again.stdout
    figures = ("scan", "lesion_count", "total_volume_ml", "quality_score")
    known = list(csv.DictReader((tmp_path / "batch.csv").open()))
    assert [[row[name] for name in figures] for row in known] == [[row[name] for name in figures] for row in rows]

    found = next(one for one in find_scans(archive, tmp_path) if one.scan.parent.name == "one")
    assert found.report_by("mamba_hunet")
    assert not found.report_by("another_model")
    os.utime(found.scan, ((found.results / "report.json").stat().st_mtime + 10,) * 2)
    assert not found.report_by("mamba_hunet"), "the scan has changed since"


def test_a_cluster_does_the_same(running_stack, archive, tmp_path):
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        scheduler = cluster.scheduler_address.removeprefix("tcp://")
        run = running_stack.hunet("batch", str(archive), "-o", str(tmp_path), "--scheduler", scheduler)
    assert "3 done, 0 known, 1 failed" in run.stdout, run.stderr


def test_a_report_that_is_none_does_not_make_a_scan_known(tmp_path):
    scan, report = tmp_path / "archive" / "scan.nii.gz", tmp_path / "out" / "scan" / "report.json"
    for path in (scan, report):
        path.parent.mkdir(parents=True)
        path.touch()
    (found,) = find_scans(tmp_path / "archive", tmp_path / "out")
    assert found.results == report.parent
    assert found.report_by("mamba_hunet") is None


def test_results_may_lie_around_the_archive_but_not_among_its_scans(tmp_path):
    scan = tmp_path / "archive" / "scan.nii.gz"
    scan.parent.mkdir()
    scan.touch()
    assert [one.scan for one in find_scans(scan.parent, tmp_path)] == [scan]
    with pytest.raises(UsageError, match="is the archive itself"):
        find_scans(scan.parent, scan.parent)


def test_a_run_that_is_broken_off_leaves_the_rows_it_has(tmp_path, monkeypatch):
    scans = [tmp_path / "archive" / f"{number}.nii.gz" for number in range(3)]
    for scan in scans:
        scan.parent.mkdir(exist_ok=True)
        scan.touch()

    def broken_off(*_arguments, **_options):
        yield BatchRow(str(scans[2]), "failed", exit_code=1)
        yield BatchRow(str(scans[0]), "failed", exit_code=1)
        raise KeyboardInterrupt

    monkeypatch.setattr("hunet_batch.run.run", broken_off)
    monkeypatch.setattr("hunet_client.sync_client.SegmentationClient.connect", lambda client, model: None)
    run = CliRunner().invoke(batch, [str(tmp_path / "archive"), "-o", str(tmp_path / "out")])
    assert run.exit_code != 0
    rows = list(csv.DictReader((tmp_path / "out" / "batch.csv").open()))
    assert [row["scan"] for row in rows] == [str(scans[0]), str(scans[2])]


def test_a_path_that_is_no_utf_8_stands_in_the_table_as_it_is(tmp_path):
    scan = os.fsdecode(b"/archive/caf\xe9.nii.gz")
    write_table([BatchRow(scan, "failed", exit_code=3)], tmp_path / "batch.csv")
    assert os.fsencode(scan) in (tmp_path / "batch.csv").read_bytes()


def test_results_within_the_archive_are_no_scans(tmp_path):
    for name in ("scan.nii.gz", "results/scan/mask.nii.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [one.scan.name for one in find_scans(tmp_path, tmp_path / "results")] == ["scan.nii.gz"]


def test_an_archive_without_scans_is_an_error(tmp_path):
    with pytest.raises(InputError, match="holds no scan"):
        find_scans(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("names", [("scan.nii", "scan.nii.gz"), ("study.zip", "study/1.dcm")])
def test_two_scans_of_one_name_would_share_their_results_and_are_refused(tmp_path, names):
    for name in names:
        (tmp_path / "archive" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "archive" / name).touch()
    with pytest.raises(InputError, match="2 scans' results"):
        find_scans(tmp_path / "archive", tmp_path / "out")
