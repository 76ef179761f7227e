"""The states of a study's revision, in the order in which they are passed.

received    its instances are arriving: no revision yet
complete    nothing came for the quiet time, or its sender said that this is all
selected    the series to segment is chosen
segmenting  the services are at work
built       the results are DICOM files in the outbox
sent        every destination has accepted them
done        sent and cleared, or there was nothing to do; the reason says which
failed      ended without results everywhere; the reason says why
"""

from __future__ import annotations

from typing import Literal, get_args

State = Literal["received", "complete", "selected", "segmenting", "built", "sent", "done", "failed"]
STATES: tuple[State, ...] = get_args(State)
FINAL: tuple[State, ...] = ("done", "failed")
UNDER_WAY: tuple[State, ...] = tuple(state for state in STATES if state not in FINAL)
