"""The ledger's page of scans that came over HTTP: one row for each, and what became of it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pacs_gateway.jobs.states import FINAL, UNDER_WAY, State
from pacs_gateway.routing.configuration import Priority
from pacs_gateway.storage import schema

_UPLOAD = schema.upload.c


@dataclass(frozen=True)
class Upload:
    """``id`` is ours, and unguessable. ``what`` and ``fix`` say why it failed. Times are seconds since 1970."""

    id: str
    name: str
    content_digest: str
    idempotency_key: str | None
    priority: Priority
    prior: str | None
    state: State
    what: str
    fix: str
    lesion_count: int | None
    total_volume_ml: float | None
    quality_score: float | None
    started: bool
    received_at: float
    finished_at: float | None


_COLUMNS = [_UPLOAD[name] for name in Upload.__dataclass_fields__]


def new_upload_id() -> str:
    """Names a folder and a row; 128 random bits."""
    return secrets.token_hex(16)


class UploadLedger:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(
        self,
        upload_id: str,
        name: str,
        content_digest: str,
        priority: Priority,
        *,
        prior: str | None,
        idempotency_key: str | None,
    ) -> Upload:
        """A row for a scan that is on the disk; of two with one key the first stays, and is returned."""
        values = {
            "id": upload_id,
            "name": name,
            "content_digest": content_digest,
            "priority": priority,
            "prior": prior,
            "idempotency_key": idempotency_key,
            "state": "received",
            "received_at": time.time(),
        }
        with self._engine.begin() as connection:
            insert = schema.upsert(connection)(schema.upload).values(values)
            connection.execute(insert.on_conflict_do_nothing())
        found = self.get(upload_id)
        if found is None and idempotency_key is not None:
            found = self.by_key(idempotency_key)
        assert found is not None
        return found

    def get(self, upload_id: str) -> Upload | None:
        """None where there is no such scan."""
        return next(iter(self._where(_UPLOAD.id == upload_id)), None)

    def by_key(self, idempotency_key: str) -> Upload | None:
        """The scan that was sent with this key."""
        return next(iter(self._where(_UPLOAD.idempotency_key == idempotency_key)), None)

    def page(self, *, state: State | None, before: float | None, limit: int) -> list[Upload]:
        """The newest, of one state or of all; or the newest that came before a time."""
        query = sa.select(*_COLUMNS).order_by(_UPLOAD.received_at.desc()).limit(limit)
        if state is not None:
            query = query.where(_UPLOAD.state == state)
        if before is not None:
            query = query.where(_UPLOAD.received_at < before)
        with self._engine.begin() as connection:
            return [Upload(*row) for row in connection.execute(query)]

    def unstarted(self) -> list[Upload]:
        """On the disk, but not yet with the engine."""
        return self._where(_UPLOAD.started.is_(False))

    def unfinished(self) -> list[Upload]:
        return self._where(_UPLOAD.started, _UPLOAD.state.in_(UNDER_WAY))

    def count_open(self) -> int:
        """Waiting or under way."""
        query = sa.select(sa.func.count()).where(_UPLOAD.state.in_(UNDER_WAY))
        with self._engine.begin() as connection:
            return connection.scalar(query) or 0

    def count_by_state(self) -> dict[State, int]:
        query = sa.select(_UPLOAD.state, sa.func.count()).group_by(_UPLOAD.state)
        with self._engine.begin() as connection:
            return {state: count for state, count in connection.execute(query)}

    def ended(self, before: float) -> list[Upload]:
        """Ended before this time."""
        return self._where(_UPLOAD.finished_at < before)

    def change(self, upload_id: str, **values: Any) -> None:
        """Sets columns of one row; does nothing where it has been deleted."""
        if values.get("state") in FINAL:
            values["finished_at"] = time.time()
        with self._engine.begin() as connection:
            connection.execute(sa.update(schema.upload).where(_UPLOAD.id == upload_id).values(**values))

    def delete(self, upload_id: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.delete(schema.upload).where(_UPLOAD.id == upload_id))

    def _where(self, *conditions: sa.ColumnElement[bool]) -> list[Upload]:
        query = sa.select(*_COLUMNS).where(*conditions).order_by(_UPLOAD.received_at)
        with self._engine.begin() as connection:
            return [Upload(*row) for row in connection.execute(query)]
