"""A planted patient's name is found nowhere but in the study itself."""

from __future__ import annotations

import logging
import sys

import pytest
from mr_series import PATIENT_NAME, make_series
from pacs_gateway.log import KindOnlyFormatter

NAME = PATIENT_NAME.split("^")[0]


@pytest.mark.xdist_group("pacs")
def test_neither_errors_that_quote_it_nor_identifiers_that_hold_it_bring_a_name_into_a_log(orthanc, make_gateway):
    gateway = make_gateway(orthanc)
    strange = make_series("strange", slices=1)[0]
    strange.SeriesInstanceUID = PATIENT_NAME
    assert gateway.send([strange]) == [0xA900]
    gateway.send(make_series("quoting", patient_id="QUOTING"))
    [failed] = gateway.wait_for_jobs(["failed"])
    gateway.send(make_series("ordinary"))
    gateway.wait_for_jobs(["failed", "done"])

    assert failed["reason"] == "unexpected ValueError in the step segment. The gateway's log says where."
    assert "ValueError at " in gateway.log()
    for file in (gateway.log_file, *gateway.root.glob("*.*")):
        assert NAME.encode() not in file.read_bytes(), file


def test_a_logged_exception_says_its_kinds_and_places_only():
    try:
        try:
            raise KeyError(PATIENT_NAME)
        except KeyError as error:
            raise ValueError(PATIENT_NAME) from error
    except ValueError:
        record = logging.LogRecord("gateway", logging.ERROR, __file__, 1, "step failed", (), sys.exc_info())

    text = KindOnlyFormatter("%(message)s").format(record)

    assert text.startswith("step failed\n  ValueError at ")
    assert "  KeyError at " in text
    assert NAME not in text
