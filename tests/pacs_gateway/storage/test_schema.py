"""What the watch asks the ledger for every second is found without walking through its history."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from pacs_gateway.storage import schema


@pytest.fixture
def ledgers(open_ledgers, tmp_path):
    opened = open_ledgers(tmp_path)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def plans(ledgers):
    """`plans(ask)`: how SQLite goes about each statement of `ask()`."""

    def explain(ask):
        asked = []

        def note(connection, cursor, statement, parameters, context, executemany):
            asked.append((statement, parameters))

        sa.event.listen(ledgers.engine, "before_cursor_execute", note)
        ask()
        sa.event.remove(ledgers.engine, "before_cursor_execute", note)
        with ledgers.engine.begin() as connection:
            return [
                row[-1]
                for statement, parameters in asked
                if not statement.startswith("BEGIN")
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]

    return explain


@pytest.mark.parametrize(
    "ask",
    [
        lambda ledgers: ledgers.revisions.close_quiet_studies(30.0, frozenset()),
        lambda ledgers: ledgers.revisions.unstarted(),
        lambda ledgers: ledgers.revisions.unfinished(),
        lambda ledgers: ledgers.revisions.uncleared("done", 0.0),
        lambda ledgers: ledgers.revisions.study_is_busy("1.2"),
        lambda ledgers: ledgers.deliveries.waiting(),
        lambda ledgers: ledgers.uploads.unfinished(),
    ],
    ids=["close", "unstarted", "unfinished", "uncleared", "busy", "waiting", "uploads"],
)
def test_the_watch_walks_through_no_table(ledgers, plans, ask):
    steps = plans(lambda: ask(ledgers))
    assert steps
    assert not [step for step in steps if step.startswith("SCAN") and "INDEX ix_gateway_revision_un" not in step]


def test_a_ledger_of_an_earlier_release_gets_the_indexes_too(open_ledgers, tmp_path):
    earlier = open_ledgers(tmp_path).engine
    names = {index.name for table in schema.metadata.tables.values() for index in table.indexes}
    with earlier.begin() as connection:
        for name in names:
            connection.exec_driver_sql(f"DROP INDEX {name}")
    earlier.dispose()

    opened = open_ledgers(tmp_path).engine

    found = {index["name"] for table in schema.metadata.tables for index in sa.inspect(opened).get_indexes(table)}
    opened.dispose()
    assert names <= found
