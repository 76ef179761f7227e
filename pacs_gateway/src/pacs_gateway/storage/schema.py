"""The ledger's tables: what came, which revision of its study it is in, what became of that, what was sent where.

UIDs, AE titles, addresses and digests only: nothing here names a patient.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

metadata = sa.MetaData()

study = sa.Table(
    "gateway_study",
    metadata,
    sa.Column("study_uid", sa.String(64), primary_key=True),
    sa.Column("last_received_at", sa.Float, nullable=False, index=True),
    sa.Column("complete", sa.Boolean, nullable=False, default=False),
)

instance = sa.Table(
    "gateway_instance",
    metadata,
    sa.Column("sop_uid", sa.String(64), primary_key=True),
    sa.Column("study_uid", sa.String(64), nullable=False, index=True),
    sa.Column("series_uid", sa.String(64), nullable=False),
    sa.Column("sop_class_uid", sa.String(64), nullable=False),
    sa.Column("content_digest", sa.String(64), nullable=False),
    # Relative to the storage root.
    sa.Column("path", sa.String(200), nullable=False),
    sa.Column("sender", sa.String(16), nullable=False),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("received_at", sa.Float, nullable=False),
    # None until the study is complete; then the revision that it came with.
    sa.Column("revision", sa.Integer, nullable=True, index=True),
    sa.Column("kept", sa.Boolean, nullable=False, default=True),
)

revision = sa.Table(
    "gateway_revision",
    metadata,
    sa.Column("study_uid", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("priority", sa.String(16), nullable=False),
    sa.Column("sender", sa.String(16), nullable=False),
    sa.Column("series_uid", sa.String(64), nullable=True),
    sa.Column("input_digest", sa.String(64), nullable=True, index=True),
    sa.Column("attempt", sa.Integer, nullable=False, default=1),
    sa.Column("started", sa.Boolean, nullable=False, default=False),
    sa.Column("cleared", sa.Boolean, nullable=False, default=False),
    sa.Column("closed_at", sa.Float, nullable=False),
    sa.Column("updated_at", sa.Float, nullable=False),
)
# What the watch asks for every second is few rows of a table that only grows.
_unstarted, _uncleared = revision.c.started.is_(False), revision.c.cleared.is_(False)
sa.Index("ix_gateway_revision_unstarted", revision.c.closed_at, sqlite_where=_unstarted, postgresql_where=_unstarted)
sa.Index(
    "ix_gateway_revision_uncleared",
    revision.c.state,
    revision.c.updated_at,
    sqlite_where=_uncleared,
    postgresql_where=_uncleared,
)

result = sa.Table(
    "gateway_result",
    metadata,
    sa.Column("sop_uid", sa.String(64), primary_key=True),
    sa.Column("study_uid", sa.String(64), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("sop_class_uid", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("path", sa.String(200), nullable=False),
)

delivery = sa.Table(
    "gateway_delivery",
    metadata,
    sa.Column("study_uid", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("destination", sa.String(32), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("workflow_id", sa.String(128), nullable=False),
    # Of the storage commitment request, where one was made.
    sa.Column("transaction_uid", sa.String(64), nullable=True, index=True),
    sa.Column("updated_at", sa.Float, nullable=False),
)

upload = sa.Table(
    "gateway_upload",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    # As its sender called it; shown to whoever may see the scan, and written nowhere else.
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("content_digest", sa.String(64), nullable=False),
    sa.Column("idempotency_key", sa.String(255), nullable=True, unique=True),
    sa.Column("priority", sa.String(16), nullable=False),
    sa.Column("prior", sa.String(32), nullable=True),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("what", sa.Text, nullable=False, default=""),
    sa.Column("fix", sa.Text, nullable=False, default=""),
    sa.Column("lesion_count", sa.Integer, nullable=True),
    sa.Column("total_volume_ml", sa.Float, nullable=True),
    sa.Column("quality_score", sa.Float, nullable=True),
    sa.Column("started", sa.Boolean, nullable=False, default=False),
    sa.Column("received_at", sa.Float, nullable=False, index=True),
    sa.Column("finished_at", sa.Float, nullable=True),
)


def open_ledger(root: Path, database_url: str | None) -> sa.Engine:
    """The ledger in PostgreSQL, or in `ledger.sqlite` under the storage root; tables and indexes exist afterwards."""
    if database_url is not None:
        url = database_url.replace("postgresql://", "postgresql+psycopg://")
        engine = sa.create_engine(url, pool_pre_ping=True)
    else:
        engine = sa.create_engine(f"sqlite:///{root / 'ledger.sqlite'}", connect_args={"timeout": 30.0})
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_immediate)
    metadata.create_all(engine)
    # Tables that were there are left as they are, also without indexes that are new.
    for table in metadata.tables.values():
        for index in table.indexes:
            index.create(engine, checkfirst=True)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    # SQLAlchemy's BEGIN, not the driver's: a reading transaction that writes later must not fail as locked.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    # A commit is on the disk when it returns: an acknowledged instance depends on it.
    connection.execute("PRAGMA synchronous=FULL")


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def upsert(connection: sa.Connection) -> Any:
    """The `insert` of this database that knows ON CONFLICT; both write it alike."""
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
