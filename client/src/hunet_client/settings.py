"""Settings of the client: addresses, timeouts, retries.

Where a value comes from, first found: an argument of `ClientSettings(...)`; an environment variable (`HUNET_`
and the field's name in capitals, with `__` before a nested one: `HUNET_PREPROCESS_ADDRESS`,
`HUNET_TIMEOUTS__SCAN_S`); for addresses and certificates, unless both addresses are given, the state file of the
stack that `hunet up` started; the default written here. `HUNET_TLS__CA`, `HUNET_TLS__CERTIFICATE` and `HUNET_TLS__KEY`
belong together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from hunet_client.errors import HunetError, UsageError
from hunet_client.stack_state import StackState
from hunet_client.tls import Tls


class Timeouts(BaseModel):
    """Both in seconds."""

    model_config = ConfigDict(frozen=True)

    # A service that has not answered by then is reported as unavailable, before any byte of a scan is sent.
    connect_s: PositiveFloat = 3.0
    # From opening the file to the finished segmentation; every call downstream gets what is left of it.
    scan_s: PositiveFloat = 600.0


class RetryPolicy(BaseModel):
    """Exponential back-off with jitter for calls that may be repeated.

    The defaults outlast a part that `hunet up` restarts: together the waits are nearly a minute.
    """

    model_config = ConfigDict(frozen=True)

    attempts: int = Field(default=18, ge=1)
    initial_backoff_s: PositiveFloat = 0.25
    max_backoff_s: PositiveFloat = 4.0
    # Up to this much is added to every wait, so that many clients do not come back at once.
    jitter_s: float = Field(default=0.25, ge=0)


class ClientSettings(BaseSettings):
    """Everything a client can be told. Addresses are `host:port`."""

    model_config = SettingsConfigDict(env_prefix="HUNET_", env_nested_delimiter="__", frozen=True)

    preprocess_address: str = "127.0.0.1:50051"
    triton_address: str = "127.0.0.1:8001"
    # For both services; without it nothing is encrypted.
    tls: Tls | None = None
    timeouts: Timeouts = Timeouts()
    retry: RetryPolicy = RetryPolicy()
    # Slices in one request to Triton, and requests under way at once: enough to keep its queue from running
    # dry while the next slices are still being preprocessed.
    batch_slices: int = Field(default=4, ge=1, le=15)
    max_requests_in_flight: int = Field(default=3, ge=1)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _RunningStack(settings_cls)


def client_settings(**given: Any) -> ClientSettings:
    """`ClientSettings(**given)` for commands. Raises UsageError, naming each setting that cannot be used."""
    try:
        return ClientSettings(**given)
    except ValidationError as exc:
        names = ", ".join("HUNET_" + "__".join(map(str, error["loc"])).upper() for error in exc.errors())
        raise UsageError(names, "; ".join(error["msg"] for error in exc.errors()), "Correct the environment") from exc
    except SettingsError as exc:
        raise UsageError("HUNET_... in the environment", str(exc), "Correct it") from exc


class _RunningStack(PydanticBaseSettingsSource):
    """The addresses in the running stack's state file, where there is one."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        if {"preprocess_address", "triton_address"} <= self.current_state.keys():
            # Another system, whatever runs here.
            return {}
        state = StackState.read()
        if state is None:
            return {}
        return {
            "preprocess_address": state.preprocess_address,
            "triton_address": state.triton_grpc_address,
            "tls": None if state.certificates is None else _stack_tls(state.certificates),
        }


def _stack_tls(folder: Path) -> Tls:
    try:
        return Tls.in_folder(folder)
    except ValidationError as exc:
        absent = ", ".join(Path(error["input"]).name for error in exc.errors())
        fix = "Make them anew with `hunet certificates`, and run `hunet up` again"
        raise HunetError(str(folder), f"lacks the running stack's {absent}", fix) from exc
