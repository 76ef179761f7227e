"""Medians of calls that take turns, so that whatever else the machine does meets all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping


def medians_s(calls: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median time of each call in seconds.

    Each is called once before it is measured: weights come back into the cache, and threads of a runtime before it that
    still spin have gone to sleep.
    """
    times_s: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            call()
            began = time.perf_counter()
            call()
            times_s[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in times_s.items()}


def medians_ms(calls: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """`medians_s` in milliseconds."""
    return {name: 1e3 * median_s for name, median_s in medians_s(calls, repeats).items()}
