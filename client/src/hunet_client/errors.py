"""Everything that can go wrong for a caller, and the exit code each kind ends the `hunet` command with.

    HunetError                      1  anything that has no better place below
    ├── UsageError                  2  the call itself is wrong: unknown model, threshold outside (0, 1]
    ├── InputError                  3  the scan cannot be used
    │   └── ScanRefusedError           ... and the preprocessing service said why (`.reason_code`)
    ├── ServiceError                4  a service could not do its part; the scan is not at fault
    │   ├── ServiceUnavailableError    nobody answers, or the connection broke and stayed broken
    │   ├── ServiceBusyError           it answers, and has no room (`.retry_after_s`)
    │   └── DeadlineExceededError      the scan's deadline passed; everything downstream was cancelled
    └── ResponseError               1  a service answered with something that must never become a mask

Every message reads `<what it is about>: <what is wrong>. <what to do>`. Errors of a library below (gRPC,
Triton, nibabel) are kept as `__cause__`. Other distributions raise these classes, or subclasses, from their
own commands; the `hunet` group alone turns them into `error: ...` and an exit code.
"""

from __future__ import annotations

from typing import ClassVar


class HunetError(Exception):
    """`subject`: the file, address or option at fault; `what` is wrong; `fix`: what the reader can do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, subject: str, what: str, fix: str = "") -> None:
        super().__init__(subject, what, fix)
        self.subject = subject
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        sentences = [sentence.rstrip(". ") + "." for sentence in (self.what, self.fix) if sentence]
        return f"{self.subject}: {' '.join(sentences)}"


class UsageError(HunetError):
    """The call itself is wrong, whatever the scan and the services."""

    exit_code = 2


class InputError(HunetError):
    """The input cannot be used."""

    exit_code = 3


class ScanRefusedError(InputError):
    """The preprocessing service refused the scan; `reason_code` is its stable, machine-readable reason."""

    def __init__(self, subject: str, what: str, fix: str = "", *, reason_code: str = "") -> None:
        super().__init__(subject, what, fix)
        self.reason_code = reason_code


class ServiceError(HunetError):
    """A service could not do its part; the same scan may well succeed later."""

    exit_code = 4


class ServiceUnavailableError(ServiceError):
    """Nobody answers at the address, or the connection broke and stayed broken through every attempt."""


class ServiceBusyError(ServiceError):
    """The service has no room for this scan now; `retry_after_s` is its own estimate, when it gave one."""

    def __init__(self, subject: str, what: str, fix: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(subject, what, fix)
        self.retry_after_s = retry_after_s


class DeadlineExceededError(ServiceError):
    """The deadline for the whole scan passed; work in flight was cancelled."""


class ResponseError(HunetError):
    """A service's answer must never become a mask: a wrong shape, a missing slice, a NaN."""
