"""How long an upload stays that a reader has corrected."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

import pytest
from pacs_gateway.audit import AuditLog
from pacs_gateway.jobs.outbox import clear_results
from pacs_gateway.routing.configuration import Retention
from pacs_gateway.storage.corrections import ACCEPTED_FOLDER, Correction, Corrections
from pacs_gateway.storage.retention import apply_retention
from pacs_gateway.storage.study_folder import CORRECTIONS_FOLDER, StudyFolder

DAY_S = 86_400.0


class Reading:
    """A root with one upload that ended 40 days ago."""

    def __init__(self, root, ledgers, audit):
        self.root, self.ledgers, self.audit = root, ledgers, audit
        self.folder = StudyFolder(root, "upload")
        self.folder.write("flair.nii.gz", b"scan")
        self.corrections = Corrections(root, self.folder)
        ledgers.uploads.add("upload", "scan.nii.gz", "digest", "routine", prior=None, idempotency_key=None)
        ledgers.uploads.change("upload", state="done")
        ledgers.uploads.change("upload", finished_at=time.time() - 40 * DAY_S)

    def accept(self):
        facts = {"time": datetime.now(UTC), "author": "Reader", "comment": "", "volume_ml": 1.0}
        correction = Correction(revision=self.corrections.claim(), **facts)
        self.corrections.add(correction, {"mask.nii.gz": b"mask"})

    def age(self, folder, days):
        changed = time.time() - days * DAY_S
        os.utime(folder, (changed, changed))

    def retain(self):
        apply_retention(self.root, Retention(views_days=30.0), self.ledgers, self.audit, clear_results)

    def is_kept(self):
        return self.ledgers.uploads.get("upload") is not None


@pytest.fixture
def reading(open_ledgers, tmp_path):
    ledgers, audit = open_ledgers(tmp_path), AuditLog(tmp_path / "audit.jsonl")
    yield Reading(tmp_path / "storage", ledgers, audit)
    audit.close()
    ledgers.engine.dispose()


def test_an_upload_goes_when_its_days_are_over(reading):
    reading.age(reading.folder.path, 40)

    reading.retain()

    assert not reading.is_kept()
    assert not reading.folder.path.exists()


def test_a_correction_begins_an_uploads_days_anew(reading):
    reading.accept()
    reading.age(reading.folder.path, 40)
    reading.age(reading.folder.path / CORRECTIONS_FOLDER, 20)

    reading.retain()

    assert reading.is_kept()
    assert reading.corrections.file(1, "mask.nii.gz").read_bytes() == b"mask"


def test_corrections_go_with_their_upload_and_the_last_one_stays_for_training(reading):
    reading.accept()
    reading.age(reading.folder.path, 40)
    reading.age(reading.folder.path / CORRECTIONS_FOLDER, 31)

    reading.retain()

    assert not reading.is_kept()
    assert not reading.folder.path.exists()
    [mask] = (reading.root / ACCEPTED_FOLDER).rglob("lesions.nii.gz")
    assert mask.read_bytes() == b"mask"


def test_an_upload_without_a_folder_goes_too(reading):
    reading.folder.delete()

    reading.retain()

    assert not reading.is_kept()
