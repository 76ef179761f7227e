"""The ledger's page of results and of their way to each destination."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from pacs_gateway.storage import schema

DeliveryState = Literal["waiting", "sent", "committed", "failed"]

_RESULT = schema.result.c
_DELIVERY = schema.delivery.c


@dataclass(frozen=True)
class Result:
    """One DICOM object that was built. `kind`: SEG, SR, SC or PDF; `path`: relative to the storage root."""

    sop_uid: str
    study_uid: str
    number: int
    sop_class_uid: str
    kind: str
    path: str


@dataclass(frozen=True)
class Delivery:
    study_uid: str
    number: int
    destination: str
    state: DeliveryState
    reason: str
    workflow_id: str
    transaction_uid: str | None


class DeliveryLedger:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def set_results(self, study_uid: str, number: int, results: Sequence[Result]) -> None:
        """Replaces what was recorded for this revision: a repeated build makes the same objects again.

        A UID that a failed revision of the study built from the same slices moves to this one.
        """
        with self._engine.begin() as connection:
            old = sa.or_(
                sa.and_(_RESULT.study_uid == study_uid, _RESULT.number == number),
                _RESULT.sop_uid.in_([result.sop_uid for result in results]),
            )
            connection.execute(sa.delete(schema.result).where(old))
            connection.execute(sa.insert(schema.result), [result.__dict__ for result in results])

    def results(self, study_uid: str, number: int) -> list[Result]:
        columns = [_RESULT[name] for name in Result.__dataclass_fields__]
        query = sa.select(*columns).where(_RESULT.study_uid == study_uid, _RESULT.number == number)
        with self._engine.begin() as connection:
            return [Result(*row) for row in connection.execute(query.order_by(_RESULT.path))]

    def is_our_result(self, sop_uid: str) -> bool:
        with self._engine.begin() as connection:
            return connection.scalar(sa.select(sa.func.count()).where(_RESULT.sop_uid == sop_uid)) == 1

    def plan(self, study_uid: str, number: int, deliveries: Sequence[Delivery]) -> None:
        """Records the deliveries that are about to begin, in place of those of an earlier attempt."""
        now = time.time()
        with self._engine.begin() as connection:
            of_revision = sa.and_(_DELIVERY.study_uid == study_uid, _DELIVERY.number == number)
            connection.execute(sa.delete(schema.delivery).where(of_revision))
            for delivery in deliveries:
                connection.execute(sa.insert(schema.delivery).values(delivery.__dict__ | {"updated_at": now}))

    def set_transaction(self, workflow_id: str, transaction_uid: str) -> None:
        self._update(_DELIVERY.workflow_id == workflow_id, transaction_uid=transaction_uid)

    def finish(self, workflow_id: str, state: DeliveryState, reason: str) -> None:
        self._update(_DELIVERY.workflow_id == workflow_id, state=state, reason=reason)

    def asking(self, transaction_uid: str) -> Delivery | None:
        """The delivery that asked for this storage commitment."""
        return next(iter(self._where(_DELIVERY.transaction_uid == transaction_uid)), None)

    def of_revision(self, study_uid: str, number: int) -> list[Delivery]:
        return self._where(_DELIVERY.study_uid == study_uid, _DELIVERY.number == number)

    def waiting(self) -> list[Delivery]:
        return self._where(_DELIVERY.state == "waiting")

    def _where(self, *conditions: sa.ColumnElement[bool]) -> list[Delivery]:
        columns = [_DELIVERY[name] for name in Delivery.__dataclass_fields__]
        query = sa.select(*columns).where(*conditions).order_by(_DELIVERY.destination)
        with self._engine.begin() as connection:
            return [Delivery(*row) for row in connection.execute(query)]

    def _update(self, condition: sa.ColumnElement[bool], **values: str) -> None:
        with self._engine.begin() as connection:
            update = sa.update(schema.delivery).where(condition)
            connection.execute(update.values(updated_at=time.time(), **values))
