"""What the audit log leaves out, and what it never does."""

from __future__ import annotations

import json

import pytest

from pacs_gateway import audit


@pytest.fixture
def lines(tmp_path):
    return lambda: [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]


@pytest.fixture
def clock(monkeypatch):
    """Seconds since the start, in a list of one."""
    now = [1000.0]
    monkeypatch.setattr(audit.time, "monotonic", lambda: now[0])
    return now


def test_a_stranger_who_keeps_coming_fills_a_line_a_minute(audit_log, lines, clock):
    for _ in range(500):
        audit_log.write_rejection("request rejected", address="10.0.0.9", reason="no valid token")
    assert [line.get("more") for line in lines()] == [None]
    clock[0] += 61
    audit_log.write_rejection("request rejected", address="10.0.0.9", reason="no valid token")
    assert [line.get("more") for line in lines()] == [None, 499]


def test_each_stranger_and_reason_is_told_at_once(audit_log, lines, clock):
    for address in ("10.0.0.1", "10.0.0.2"):
        for reason in ("no valid token", "not from here"):
            audit_log.write_rejection("request rejected", address=address, reason=reason)
    assert len({(line["address"], line["reason"]) for line in lines()}) == 4


def test_strangers_do_not_fill_the_memory(audit_log, clock):
    for number in range(3 * audit._REPEATED_KEPT):
        audit_log.write_rejection("request rejected", address=str(number), reason="no valid token")
    assert len(audit_log._repeated) == audit._REPEATED_KEPT


def test_everything_else_is_written_each_time(audit_log, lines):
    for _ in range(3):
        audit_log.write("upload segmented", upload="1")
    assert len(lines()) == 3
