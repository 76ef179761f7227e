"""Task groups raise groups of exceptions; callers of this library get one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hunet_client.errors import HunetError


@contextmanager
def one_error() -> Iterator[None]:
    """Around a task group: of its tasks' errors, the first HunetError, or else the first, comes out."""
    try:
        yield
    except BaseExceptionGroup as group:
        errors = list(_leaves(group))
        error = next((error for error in errors if isinstance(error, HunetError)), errors[0])
        raise error from error.__cause__


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
