"""What becomes of received files: stored whole, kept as long as configured, de-identified, never named in a log."""

from __future__ import annotations

import threading
import zlib

import pytest
from mr_series import PATIENT_NAME, as_bytes, make_series
from pacs_gateway.audit import AuditLog
from pacs_gateway.jobs.outbox import clear_results
from pacs_gateway.routing.configuration import Retention
from pacs_gateway.storage.deidentify import DeidentifiedStudy
from pacs_gateway.storage.intake import Intake
from pacs_gateway.storage.ledgers import Ledgers
from pacs_gateway.storage.refusals import InstanceRefusedError, StoreStatus
from pacs_gateway.storage.retention import apply_retention
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)


class Store:
    """An intake on a ledger, without a network before it."""

    def __init__(self, root, configuration):
        self.root = root
        self.ledgers = Ledgers.open(configuration)
        self.audit = AuditLog(root / "audit.jsonl")
        self.intake = Intake(root, self.ledgers.instances, self.ledgers.deliveries, max_instance_mb=1)

    def take(self, datasets):
        return [self.intake.accept(as_bytes(dataset), "PACS", "127.0.0.1").outcome for dataset in datasets]

    def end_revision(self, state="done"):
        """As a job would: makes a revision of what has come and ends it."""
        [revision] = self.ledgers.revisions.close_quiet_studies(0.0, frozenset())
        self.ledgers.revisions.change(revision.study_uid, revision.number, state=state, started=True)
        return revision

    def retain(self, images, **hours):
        retention = Retention(images=images, **{"after_done_h": 0.0} | hours)
        apply_retention(self.root, retention, self.ledgers, self.audit, clear_results)

    def files(self, folder="studies"):
        return sorted((self.root / folder).rglob("*.dcm"))


@pytest.fixture
def store(tmp_path):
    from gateway_process import configuration_text
    from pacs_gateway.routing.configuration_file import read_configuration

    file = tmp_path / "gateway.toml"
    file.write_text(configuration_text(tmp_path / "storage", 11112, 8042, 4242), "utf-8")
    return Store(tmp_path / "storage", read_configuration(file))


def test_a_file_is_stored_as_it_came(store):
    [dataset] = make_series(slices=1)

    assert store.take([dataset]) == ["stored"]

    assert store.files()[0].read_bytes() == as_bytes(dataset)


def test_the_same_instance_by_many_associations_at_once_is_stored_once(store):
    [dataset] = make_series(slices=1)
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.extend(store.take([dataset]))) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["duplicate"] * 7 + ["stored"]
    assert len(store.files()) == 1


NATIVE = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]


@pytest.mark.parametrize("first", NATIVE, ids=lambda syntax: syntax.keyword)
def test_the_same_pixels_in_another_native_little_endian_syntax_change_nothing(store, first):
    [dataset] = make_series(slices=1)
    outcomes = []

    for syntax in [first, *NATIVE]:
        dataset.file_meta.TransferSyntaxUID = syntax
        outcomes += store.take([dataset])

    assert outcomes == ["stored"] + ["duplicate"] * len(NATIVE)
    assert [dcmread(file).file_meta.TransferSyntaxUID for file in store.files()] == [first]


def test_a_compressed_instance_is_compared_as_it_came(store):
    [dataset] = make_series(slices=1)
    assert store.take([dataset]) == ["stored"]
    dataset.PixelData = encapsulate([b"not decoded on receipt!!"])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = RLELossless

    with pytest.raises(InstanceRefusedError) as raised:
        store.take([dataset])

    assert raised.value.status == StoreStatus.DATA_SET_DOES_NOT_MATCH


def test_a_disk_that_fails_is_said_and_nothing_is_recorded(store, monkeypatch):
    def fail(*arguments, **keywords):
        raise OSError(28, "No space left on device")

    [dataset] = make_series(slices=1)
    monkeypatch.setattr("pacs_gateway.storage.intake.write_durably", fail)

    with pytest.raises(InstanceRefusedError) as raised:
        store.take([dataset])

    assert raised.value.status == StoreStatus.OUT_OF_RESOURCES
    monkeypatch.undo()
    assert store.take([dataset]) == ["stored"]


def test_a_deflated_bomb_is_refused_before_it_is_inflated(store):
    [dataset] = make_series(slices=1, size=16)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    whole = as_bytes(dataset)
    offset = 144 + int.from_bytes(whole[140:144], "little")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = whole[:offset] + deflater.compress(bytes(50_000_000)) + deflater.flush()

    with pytest.raises(InstanceRefusedError) as raised:
        store.intake.accept(bomb, "PACS", "127.0.0.1")

    assert raised.value.status == StoreStatus.OUT_OF_RESOURCES
    # A false group length does not hide it: it is looked for where it will be inflated.
    with pytest.raises(InstanceRefusedError) as raised:
        store.intake.accept(bomb[:140] + (len(bomb) - 144).to_bytes(4, "little") + bomb[144:], "PACS", "127.0.0.1")
    assert raised.value.status == StoreStatus.OUT_OF_RESOURCES
    assert store.take([dataset]) == ["stored"], "a deflated file of honest size is taken"


def test_images_are_deleted_when_their_time_is_over_and_known_when_they_come_again(store):
    series = make_series(slices=3)
    store.take(series)
    store.end_revision()

    store.retain("delete", after_done_h=1.0)
    assert len(store.files()) == 3, "not yet"
    store.retain("delete")
    assert store.files() == []

    assert store.take(series) == ["duplicate"] * 3
    assert len(store.files()) == 3
    assert store.end_revision().number == 2


def test_images_stay_while_a_failed_revision_of_their_study_may_be_tried_again(store):
    store.take(make_series(slices=3))
    store.end_revision()
    store.take(make_series(slices=1, first=4))
    store.end_revision("failed")

    store.retain("delete")
    assert len(store.files()) == 4

    store.retain("delete", after_failed_h=0.0)
    assert store.files() == []


def test_images_that_are_to_be_kept_stay_when_a_later_revision_fails(store):
    store.take(make_series(slices=3))
    store.end_revision()
    store.take(make_series(slices=1, first=4))
    store.end_revision("failed")

    store.retain("keep", after_failed_h=0.0)

    assert len(store.files()) == 4


def test_a_study_that_cannot_be_copied_holds_up_no_other(store, monkeypatch):
    for study in ("first", "second"):
        store.take(make_series(study, slices=2))
        store.end_revision()
    write, fates = DeidentifiedStudy.write, iter([OSError(28, "No space left on device"), None])

    def fails_once(copies, files):
        if error := next(fates):
            raise error
        return write(copies, files)

    monkeypatch.setattr(DeidentifiedStudy, "write", fails_once)
    store.retain("deidentify")
    assert len(store.files()) == 2
    monkeypatch.undo()
    store.retain("deidentify")
    assert store.files() == []


def test_images_stay_while_more_of_their_study_is_arriving(store):
    store.take(make_series(slices=3))
    store.end_revision()
    store.take(make_series(slices=1, first=4))

    store.retain("delete")

    assert len(store.files()) == 4


def test_what_is_kept_names_nobody(store):
    series = make_series(slices=3)
    store.take(series)
    revision = store.end_revision()

    store.retain("deidentify")

    assert store.files() == []
    kept = store.files("deidentified")
    assert len(kept) == 3
    for file in kept:
        content = file.read_bytes()
        for secret in ("Plantagenet", "Eleanor", "4711-P", "19450612", str(revision.study_uid)):
            assert secret.encode() not in content, secret
        assert revision.study_uid not in str(file)
    datasets = [dcmread(file) for file in kept]
    assert len({dataset.SeriesInstanceUID for dataset in datasets}) == 1, "still one series"
    assert sorted(dataset.PixelData for dataset in datasets) == sorted(dataset.PixelData for dataset in series)
    store.retain("deidentify", deidentified_days=0.0)
    assert store.files("deidentified") == []


def test_a_failed_studys_images_wait_for_a_retry_and_then_go(store):
    store.take(make_series(slices=3))
    store.end_revision("failed")

    store.retain("deidentify")
    assert len(store.files()) == 3
    store.retain("deidentify", after_failed_h=0.0)

    assert store.files() == store.files("deidentified") == []


def test_the_ledger_and_the_audit_log_know_no_names(store):
    store.take(make_series(slices=2))
    store.end_revision()
    store.retain("delete")

    for file in store.root.rglob("*"):
        if file.is_file():
            assert PATIENT_NAME.split("^")[0].encode() not in file.read_bytes(), file
