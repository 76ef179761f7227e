"""What becomes of a study's images when its revision has ended."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from pacs_gateway.audit import AuditLog
from pacs_gateway.routing.configuration import Images, Retention
from pacs_gateway.storage.deidentify import KEPT_FOLDER, DeidentifiedStudy
from pacs_gateway.storage.ledgers import Ledgers
from pacs_gateway.storage.revisions import Revision
from pacs_gateway.storage.study_folder import CORRECTIONS_FOLDER, VIEWS_FOLDER, StudyFolder
from pacs_gateway.storage.uids import path_part

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S

_LOG = logging.getLogger(__name__)


def apply_retention(
    root: Path, retention: Retention, ledgers: Ledgers, audit: AuditLog, clear_results: Callable[[Path, str, int], None]
) -> None:
    """Deletes or de-identifies what has stayed its time. Repeated or cut off, it ends the same.

    A study whose files cannot be read or copied is left for the next time and holds up no other.
    """
    now = time.time()
    # What makes room comes first: copies of others may need it.
    _delete_old(root / KEPT_FOLDER, now - retention.deidentified_days * _DAY_S)
    _delete_views(root, ledgers, audit, now - retention.views_days * _DAY_S)
    for revision in ledgers.revisions.uncleared("failed", now - retention.after_failed_h * _HOUR_S):
        clear_results(root, revision.study_uid, revision.number)
        # The images of a revision that is done are in it too, and go by what is set for those.
        has_done = ledgers.revisions.study_has(revision.study_uid, "done")
        _clear(root, ledgers, audit, revision, retention.images if has_done else "delete")
    if retention.images != "keep":
        for revision in ledgers.revisions.uncleared("done", now - retention.after_done_h * _HOUR_S):
            # They are needed to try the failed one again.
            if not ledgers.revisions.study_has(revision.study_uid, "failed", cleared=False):
                _clear(root, ledgers, audit, revision, retention.images)


def _delete_views(root: Path, ledgers: Ledgers, audit: AuditLog, before: float) -> None:
    """Uploads and what was shown of studies, with their corrections. Each correction begins a scan's time anew."""
    for upload in ledgers.uploads.ended(before):
        shown = StudyFolder(root, upload.id)
        if _last_changed(shown.path) < before:
            ledgers.uploads.delete(upload.id)
            shown.delete()
            audit.write("upload removed", upload=upload.id)
    views = root / VIEWS_FOLDER
    for folder in views.iterdir() if views.is_dir() else ():
        if _last_changed(folder) < before and ledgers.uploads.get(folder.name) is None:
            shutil.rmtree(folder, ignore_errors=True)


def _last_changed(folder: Path) -> float:
    """Seconds since 1970, 0 where there is no such folder; a correction is a change."""
    corrections = folder / CORRECTIONS_FOLDER
    return max((path.stat().st_mtime for path in (folder, corrections) if path.exists()), default=0.0)


def _clear(root: Path, ledgers: Ledgers, audit: AuditLog, revision: Revision, images: Images) -> None:
    study_uid, number = revision.study_uid, revision.number
    if ledgers.revisions.study_is_busy(study_uid):
        # Its images belong to the next revision as well.
        return
    if images == "keep":
        ledgers.revisions.set_cleared(study_uid, number)
        return
    try:
        _take_away(root, ledgers, audit, revision, deidentify=images == "deidentify")
    except OSError:
        _LOG.exception("the images of study %s stay for now", study_uid)


def _take_away(root: Path, ledgers: Ledgers, audit: AuditLog, revision: Revision, *, deidentify: bool) -> None:
    study_uid, number = revision.study_uid, revision.number
    instances = [instance for instance, kept in ledgers.instances.of_revision(study_uid, number) if kept]
    files = [root / instance.path for instance in instances if (root / instance.path).is_file()]
    copies = DeidentifiedStudy(root, f"{path_part(study_uid)}-{number}")
    kept = copies.write(files) if deidentify else 0

    def replace() -> None:
        copies.publish()
        _delete(files)

    ledgers.instances.forget_files(study_uid, number, replace)
    ledgers.revisions.set_cleared(study_uid, number)
    audit.write("images removed", study_uid=study_uid, revision=number, instances=len(files), deidentified=kept)


def _delete(files: Sequence[Path]) -> None:
    """These files, and no others: more of the study may be arriving. Folders go when they are empty."""
    for file in files:
        file.unlink(missing_ok=True)
    for folder in {file.parent for file in files}:
        with suppress(OSError):
            folder.rmdir()
            folder.parent.rmdir()


def _delete_old(folder: Path, before: float) -> None:
    for study in folder.iterdir() if folder.is_dir() else ():
        if study.stat().st_mtime < before:
            shutil.rmtree(study, ignore_errors=True)
