"""The engine's names for the jobs of a study's revision: others for each attempt at it."""

from __future__ import annotations

from pacs_gateway.storage.revisions import Revision
from pacs_gateway.storage.uids import path_part


def job_id(revision: Revision) -> str:
    return f"{path_part(revision.study_uid)}-{revision.number}-{revision.attempt}"


def delivery_id(revision: Revision, destination: str) -> str:
    return f"{job_id(revision)}-to-{destination}"
