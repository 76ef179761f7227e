"""What the running stack's processes hold: memory, threads, descriptors."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import psutil
from pydantic import BaseModel


@dataclass(frozen=True)
class Sample:
    """One look at one process. ``answered``: requests answered until then."""

    pid: int
    name: str
    answered: int
    resident_mib: float
    threads: int
    descriptors: int


class Growth(BaseModel):
    """Of one process over the second half of a soak: a line through its samples."""

    process: str
    samples: int
    resident_mib: float
    resident_mib_per_1000_requests: float
    threads_first: int
    threads_last: int
    descriptors_first: int
    descriptors_last: int


def look(supervisor_pid: int, answered: int) -> list[Sample]:
    """At every process below the supervisor. Raises psutil.NoSuchProcess when it has ended."""
    samples = []
    for process in psutil.Process(supervisor_pid).children(recursive=True):
        with suppress(psutil.Error):
            samples.append(
                Sample(
                    process.pid,
                    _name(process.cmdline()),
                    answered,
                    process.memory_info().rss / 2**20,
                    process.num_threads(),
                    process.num_fds(),
                )
            )
    return samples


def growth(samples: Sequence[Sample]) -> list[Growth]:
    """Of every process that was seen throughout; one that was started anew is not."""
    last_answered = max((sample.answered for sample in samples), default=0)
    found = []
    for pid in sorted({sample.pid for sample in samples}):
        of_process = [one for one in samples if one.pid == pid]
        half = [one for one in of_process if one.answered >= last_answered / 2]
        if len(half) < 3 or of_process[-1].answered < last_answered:
            continue
        slope = np.polyfit([one.answered for one in half], [one.resident_mib for one in half], 1)[0]
        found.append(
            Growth(
                process=f"{half[0].name} ({pid})",
                samples=len(half),
                resident_mib=round(half[-1].resident_mib, 1),
                resident_mib_per_1000_requests=round(float(slope) * 1000, 3),
                threads_first=half[0].threads,
                threads_last=half[-1].threads,
                descriptors_first=half[0].descriptors,
                descriptors_last=half[-1].descriptors,
            )
        )
    return found


def _name(command: Sequence[str]) -> str:
    """The program, and of a Python one its module."""
    words = [word.rpartition("/")[2] for word in command[:4]]
    return " ".join(word for word in words if word and not word.startswith("-"))[:60] or "?"
