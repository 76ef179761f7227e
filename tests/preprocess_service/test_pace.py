"""What a waiting caller can expect, from what was seen last."""

from __future__ import annotations

from preprocess_service.pace import ScanPace, TurnPace


def test_before_anything_was_seen_nothing_is_expected():
    assert TurnPace().wait_s(ahead=10, now_s=0.0) == 0.0
    assert ScanPace().scan_s == 0.0


def test_whoever_waits_has_the_turns_of_all_ahead_before_the_own():
    pace = TurnPace()
    for now_s in (100.0, 101.0, 104.0):
        pace.note_turn(now_s, others_wait=True)
    assert pace.wait_s(ahead=0, now_s=105.0) == 2.0
    assert pace.wait_s(ahead=4, now_s=105.0) == 10.0


def test_time_in_which_nobody_waited_is_not_counted():
    pace = TurnPace()
    pace.note_turn(100.0, others_wait=False)
    pace.note_turn(900.0, others_wait=True)
    pace.note_empty_line()
    pace.note_turn(5000.0, others_wait=True)
    assert pace.wait_s(ahead=3, now_s=5000.0) == 0.0


def test_the_pace_of_a_bad_hour_ends_with_it():
    pace = TurnPace()
    for now_s in (100.0, 170.0, 240.0):
        pace.note_turn(now_s, others_wait=True)
    assert pace.wait_s(ahead=0, now_s=241.0) == 70.0
    assert pace.wait_s(ahead=0, now_s=1000.0) == 0.0


def test_a_scan_takes_as_long_as_four_of_five_did():
    pace = ScanPace()
    for duration_s in range(11):
        pace.note_scan(float(duration_s))
    assert pace.scan_s == 8.0


def test_one_huge_scan_changes_little_and_what_was_long_ago_nothing():
    pace = ScanPace()
    for duration_s in (5.0, 5.0, 5.0, 5.0, 5.0, 600.0):
        pace.note_scan(duration_s)
    assert pace.scan_s == 5.0
    for _ in range(15):
        pace.note_scan(2.0)
    assert pace.scan_s == 2.0
