"""The ledger's page of received instances."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pacs_gateway.storage import schema
from pacs_gateway.storage.schema import upsert

_INSTANCE = schema.instance.c
_STUDY = schema.study.c


@dataclass(frozen=True)
class Instance:
    """One received instance. `content_digest`: SHA-256 of its pixels; `path`: relative to the storage root."""

    sop_uid: str
    study_uid: str
    series_uid: str
    sop_class_uid: str
    content_digest: str
    path: str
    sender: str
    address: str


class InstanceLedger:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def find(self, sop_uid: str) -> tuple[Instance, bool] | None:
        """The instance, and whether its file is still kept."""
        columns = [*(_INSTANCE[name] for name in Instance.__dataclass_fields__), _INSTANCE.kept]
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(*columns).where(_INSTANCE.sop_uid == sop_uid)).one_or_none()
        return None if row is None else (Instance(*row[:-1]), row.kept)

    def add(self, instance: Instance) -> None:
        """Records an instance whose file is on the disk. Raises IntegrityError where the UID is known already."""
        with self._engine.begin() as connection:
            row = instance.__dict__ | {"received_at": time.time(), "kept": True}
            connection.execute(sa.insert(schema.instance).values(row))
            _touch(connection, instance.study_uid)

    def keep_again(self, instance: Instance) -> None:
        """Records that the file of a known instance, deleted meanwhile, is back.

        It goes into the study's next revision: the slices that are missing there may be on their way too.
        """
        with self._engine.begin() as connection:
            values = {"path": instance.path, "kept": True, "revision": None}
            connection.execute(sa.update(schema.instance).where(_INSTANCE.sop_uid == instance.sop_uid).values(values))
            _touch(connection, instance.study_uid)

    def touch(self, study_uid: str) -> None:
        """Something of this study came, if only once more: it may not be complete yet."""
        with self._engine.begin() as connection:
            _touch(connection, study_uid)

    def announce_complete(self, study_uid: str, sop_uids: Sequence[str]) -> bool:
        """The sender says which instances the study has; False while some of them have not come."""
        with self._engine.begin() as connection:
            known = connection.scalars(sa.select(_INSTANCE.sop_uid).where(_INSTANCE.study_uid == study_uid))
            if not set(sop_uids) <= set(known):
                return False
            connection.execute(sa.update(schema.study).where(_STUDY.study_uid == study_uid).values(complete=True))
        return True

    def of_revision(self, study_uid: str, number: int) -> list[tuple[Instance, bool]]:
        """All instances of the study up to this revision, each with whether its file is kept."""
        columns = [*(_INSTANCE[name] for name in Instance.__dataclass_fields__), _INSTANCE.kept]
        query = (
            sa.select(*columns)
            .where(_INSTANCE.study_uid == study_uid, _INSTANCE.revision <= number)
            .order_by(_INSTANCE.series_uid, _INSTANCE.sop_uid)
        )
        with self._engine.begin() as connection:
            return [(Instance(*row[:-1]), row.kept) for row in connection.execute(query)]

    def forget_files(self, study_uid: str, number: int, delete: Callable[[], None]) -> None:
        """The files of the study up to this revision go; what is known of them stays.

        `delete` runs before the ledger says so to anybody: an instance that comes again is then written anew.
        """
        of_revision = _INSTANCE.study_uid == study_uid, _INSTANCE.revision <= number
        with self._engine.begin() as connection:
            connection.execute(sa.update(schema.instance).where(*of_revision).values(kept=False))
            delete()


def _touch(connection: sa.Connection, study_uid: str) -> None:
    values = {"last_received_at": time.time(), "complete": False}
    insert = upsert(connection)(schema.study).values(study_uid=study_uid, **values)
    connection.execute(insert.on_conflict_do_update(index_elements=[_STUDY.study_uid], set_=values))
