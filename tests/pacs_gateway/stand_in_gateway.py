"""`stand_in_gateway.py CONFIG HOLD_FOLDER`: the whole gateway with stand-in steps, in a process that can be killed.

It stops at a place, for as long as HOLD_FOLDER holds a file of that name, and writes `PLACE.reached` there.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pacs_gateway.jobs import deliveries
from pacs_gateway.jobs.progress_board import ProgressBoard
from pacs_gateway.log import set_up_logging
from pacs_gateway.routing.configuration_file import read_configuration
from pacs_gateway.serve import serve
from pacs_gateway.storage.revisions import RevisionLedger

sys.path.insert(0, str(Path(__file__).parent))
from stand_in_steps import STEPS

HOLD_FOLDER = Path(sys.argv[2])


def hold(place):
    while (HOLD_FOLDER / place).exists():
        (HOLD_FOLDER / f"{place}.reached").touch()
        time.sleep(0.02)


def hold_after(function, place_of):
    def held(*args, **kwargs):
        outcome = function(*args, **kwargs)
        hold(place_of(kwargs))
        return outcome

    return held


RevisionLedger.change = hold_after(RevisionLedger.change, lambda values: values.get("state", "other"))
RevisionLedger.close_quiet_studies = hold_after(RevisionLedger.close_quiet_studies, lambda values: "complete")
deliveries.send_results = hold_after(deliveries.send_results, lambda values: "sending")

if __name__ == "__main__":
    set_up_logging("INFO")
    serve(read_configuration(Path(sys.argv[1])), STEPS, ProgressBoard())
