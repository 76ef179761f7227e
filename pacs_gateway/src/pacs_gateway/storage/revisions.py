"""The ledger's page of study revisions: one row for each set of instances that gets one set of results."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pacs_gateway.jobs.states import UNDER_WAY, State
from pacs_gateway.routing.configuration import Priority
from pacs_gateway.storage import schema

_INSTANCE = schema.instance.c
_REVISION = schema.revision.c
_STUDY = schema.study.c


@dataclass(frozen=True)
class Revision:
    """`sender`: AE title that sent the instances which opened it. `attempt` grows with every `hunet pacs retry`."""

    study_uid: str
    number: int
    state: State
    reason: str
    priority: Priority
    sender: str
    series_uid: str | None
    input_digest: str | None
    attempt: int
    started: bool
    closed_at: float
    updated_at: float


_COLUMNS = [_REVISION[name] for name in Revision.__dataclass_fields__]


class RevisionLedger:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def close_quiet_studies(self, quiet_s: float, urgent_senders: frozenset[str]) -> list[Revision]:
        """Makes a revision of every study with new instances for which nothing came for `quiet_s`."""
        now = time.time()
        is_quiet = sa.or_(_STUDY.last_received_at <= now - quiet_s, _STUDY.complete)
        waiting = (
            sa.select(_INSTANCE.study_uid)
            .join(schema.study, _STUDY.study_uid == _INSTANCE.study_uid)
            .where(_INSTANCE.revision.is_(None), is_quiet)
            .distinct()
        )
        # A clock that was set back: the quiet time begins now.
        to_come = sa.update(schema.study).where(_STUDY.last_received_at > now).values(last_received_at=now)
        with self._engine.begin() as connection:
            connection.execute(to_come)
            studies = list(connection.scalars(waiting))
        return [self._close(study_uid, urgent_senders) for study_uid in studies]

    def _close(self, study_uid: str, urgent_senders: frozenset[str]) -> Revision:
        of_study = _INSTANCE.study_uid == study_uid
        with self._engine.begin() as connection:
            # Instances may arrive meanwhile.
            _lock_study(connection, study_uid)
            last = connection.scalar(sa.select(sa.func.max(_REVISION.number)).where(_REVISION.study_uid == study_uid))
            senders = list(
                connection.scalars(
                    sa.select(_INSTANCE.sender)
                    .where(of_study, _INSTANCE.revision.is_(None))
                    .order_by(_INSTANCE.received_at)
                )
            )
            now = time.time()
            revision = Revision(
                study_uid=study_uid,
                number=(last or 0) + 1,
                state="complete",
                reason="",
                priority="urgent" if urgent_senders.intersection(senders) else "routine",
                sender=senders[0] if senders else "",
                series_uid=None,
                input_digest=None,
                attempt=1,
                started=False,
                closed_at=now,
                updated_at=now,
            )
            if senders:
                connection.execute(sa.insert(schema.revision).values(revision.__dict__))
                connection.execute(
                    sa.update(schema.instance)
                    .where(of_study, _INSTANCE.revision.is_(None))
                    .values(revision=revision.number)
                )
        return revision

    def get(self, study_uid: str, number: int) -> Revision:
        with self._engine.begin() as connection:
            return Revision(*connection.execute(sa.select(*_COLUMNS).where(*_key(study_uid, number))).one())

    def unstarted(self) -> list[Revision]:
        """Complete, but not yet with the engine."""
        return self._where(_REVISION.started.is_(False))

    def unfinished(self) -> list[Revision]:
        return self._where(_REVISION.started, _REVISION.state.in_(UNDER_WAY))

    def claim_input(self, study_uid: str, number: int, series_uid: str, input_digest: str) -> Revision | None:
        """Notes that this revision segments these slices; where another of the study has them already, gives back that.

        One set of slices has one set of results, with the same UIDs: only a revision that failed leaves them to others.
        """
        others = sa.select(*_COLUMNS).where(
            _REVISION.study_uid == study_uid,
            _REVISION.number != number,
            _REVISION.input_digest == input_digest,
            _REVISION.state != "failed",
        )
        with self._engine.begin() as connection:
            _lock_study(connection, study_uid)
            holder = connection.execute(others.order_by(_REVISION.number)).first()
            claimed = {"series_uid": series_uid, "input_digest": None if holder else input_digest}
            update = sa.update(schema.revision).where(*_key(study_uid, number))
            connection.execute(update.values(updated_at=time.time(), **claimed))
        return None if holder is None else Revision(*holder)

    def uncleared(self, state: State, before: float) -> list[Revision]:
        """Ended before this time, with images that retention has not yet dealt with."""
        return self._where(_REVISION.state == state, _REVISION.updated_at <= before, _REVISION.cleared.is_(False))

    def study_is_busy(self, study_uid: str) -> bool:
        """Whether instances of the study are arriving, or one of its revisions is under way."""
        arriving = sa.select(sa.func.count()).where(_INSTANCE.study_uid == study_uid, _INSTANCE.revision.is_(None))
        with self._engine.begin() as connection:
            if connection.scalar(arriving):
                return True
        return bool(self._where(_REVISION.study_uid == study_uid, _REVISION.state.in_(UNDER_WAY)))

    def study_has(self, study_uid: str, state: State, *, cleared: bool | None = None) -> bool:
        """Whether a revision of the study is in this state; with `cleared`, one whose images were dealt with or not."""
        which = [] if cleared is None else [_REVISION.cleared.is_(cleared)]
        return bool(self._where(_REVISION.study_uid == study_uid, _REVISION.state == state, *which))

    def set_cleared(self, study_uid: str, number: int) -> None:
        """Up to this revision, the study's images have been dealt with."""
        update = sa.update(schema.revision).where(_REVISION.study_uid == study_uid, _REVISION.number <= number)
        with self._engine.begin() as connection:
            connection.execute(update.values(cleared=True))

    def change(self, study_uid: str, number: int, **values: Any) -> None:
        """Sets columns of one revision, and the time of its change."""
        with self._engine.begin() as connection:
            update = sa.update(schema.revision).where(*_key(study_uid, number))
            connection.execute(update.values(updated_at=time.time(), **values))

    def retry(self, study_uid: str, number: int) -> bool:
        """A failed revision starts anew, with no claim to its slices; False where there is none."""
        values = {
            "state": "complete",
            "reason": "",
            "input_digest": None,
            "started": False,
            "attempt": _REVISION.attempt + 1,
        }
        with self._engine.begin() as connection:
            update = sa.update(schema.revision).where(*_key(study_uid, number), _REVISION.state == "failed")
            return connection.execute(update.values(updated_at=time.time(), **values)).rowcount == 1

    def page(self, *, state: State | None, before: float | None, limit: int) -> list[Revision]:
        """The newest, of one state or of all; or the newest that were closed before a time."""
        query = sa.select(*_COLUMNS).order_by(_REVISION.closed_at.desc(), _REVISION.number.desc()).limit(limit)
        if state is not None:
            query = query.where(_REVISION.state == state)
        if before is not None:
            query = query.where(_REVISION.closed_at < before)
        with self._engine.begin() as connection:
            return [Revision(*row) for row in connection.execute(query)]

    def identities(self) -> list[tuple[str, int]]:
        """Study UID and number of every revision."""
        query = sa.select(_REVISION.study_uid, _REVISION.number)
        with self._engine.begin() as connection:
            return [(uid, number) for uid, number in connection.execute(query)]

    def all(self) -> list[Revision]:
        return self._where()

    def count_by_state(self) -> dict[State, int]:
        query = sa.select(_REVISION.state, sa.func.count()).group_by(_REVISION.state)
        with self._engine.begin() as connection:
            return {state: count for state, count in connection.execute(query)}

    def arriving(self) -> list[tuple[str, int, float]]:
        """Studies not yet complete: UID, instances waiting, time of the last."""
        query = (
            sa.select(_STUDY.study_uid, sa.func.count(), _STUDY.last_received_at)
            .join(schema.instance, _STUDY.study_uid == _INSTANCE.study_uid)
            .where(_INSTANCE.revision.is_(None))
            .group_by(_STUDY.study_uid, _STUDY.last_received_at)
        )
        with self._engine.begin() as connection:
            return [(uid, count, last) for uid, count, last in connection.execute(query)]

    def _where(self, *conditions: sa.ColumnElement[bool]) -> list[Revision]:
        query = sa.select(*_COLUMNS).where(*conditions).order_by(_REVISION.closed_at, _REVISION.number)
        with self._engine.begin() as connection:
            return [Revision(*row) for row in connection.execute(query)]


def _lock_study(connection: sa.Connection, study_uid: str) -> None:
    """Until the transaction ends. In PostgreSQL by its row; SQLite's transactions exclude each other anyway."""
    connection.execute(sa.select(_STUDY.study_uid).where(_STUDY.study_uid == study_uid).with_for_update())


def _key(study_uid: str, number: int) -> Sequence[sa.ColumnElement[bool]]:
    return _REVISION.study_uid == study_uid, _REVISION.number == number
