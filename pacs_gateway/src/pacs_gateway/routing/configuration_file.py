"""The configuration read from its TOML file; what is wrong is said by key, with what is allowed there."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from hunet_client.errors import UsageError
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pacs_gateway.routing.configuration import Configuration

_FIX = "`hunet pacs check-config FILE` shows all that is wrong; docs/gateway.md explains every key"


def read_configuration(path: Path) -> Configuration:
    """Raises UsageError with one sentence for each key that is wrong."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(str(path), f"cannot be read: {error.strerror}", "Give the configuration file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(str(path), f"is not TOML: {error}", _FIX) from error
    try:
        return Configuration.model_validate(document)
    except ValidationError as error:
        mistakes = [details for details in error.errors(include_url=False) if not _follows_from_another(details)]
        sentences = "; ".join(_sentence(details) for details in mistakes)
        raise UsageError(str(path), sentences, _FIX) from error


def _sentence(details: ErrorDetails) -> str:
    """`node.port: must be less than or equal to 65535, not 70000`."""
    where, section = _place(details["loc"])
    match details["type"]:
        case "extra_forbidden":
            return f"{where}: there is no such key. Allowed: {', '.join(sorted(section.model_fields))}"
        case "missing":
            return f"{where}: is missing"
        case "value_error":
            message = str(details["ctx"]["error"])
            return f"{where}: {message}" if where else message
        case "union_tag_not_found":
            return f"{where}.protocol: is missing. Allowed: {_protocols()}"
        case "union_tag_invalid":
            return f"{where}.protocol: {details['ctx']['tag']!r} is not known. Allowed: {_protocols()}"
    what = details["msg"].replace("Input should", "must").replace("String should", "must")
    return f"{where}: {what[:1].lower()}{what[1:]}, not {details['input']!r}"


def _follows_from_another(details: ErrorDetails) -> bool:
    """A list counts as too short when its items are wrong; those are reported themselves."""
    return details["type"] == "too_short" and bool(details["input"])


def _protocols() -> str:
    return "'dimse', 'dicomweb'"


def _place(location: Sequence[int | str]) -> tuple[str, type[BaseModel]]:
    """The key as it stands in the file, and the section it belongs to. Union tags are no part of a key."""
    section: type[BaseModel] = Configuration
    keys: list[str] = []
    annotation: Any = Configuration
    for position, part in enumerate(location):
        choices = _sections(annotation)
        if isinstance(part, int):
            keys[-1] += f"[{part + 1}]"
            continue
        tagged = [choice for choice in choices if _tag(choice) == part]
        if tagged and len(choices) > 1:
            annotation = tagged[0]
            continue
        keys.append(part)
        if choices:
            section = choices[0]
        if position < len(location) - 1 and choices and part in section.model_fields:
            field = section.model_fields[part]
            annotation = (field.annotation, *field.metadata)
    return ".".join(keys), section


def _sections(annotation: Any) -> list[type[BaseModel]]:
    """The section classes inside a type such as `tuple[Annotated[A | B, ...], ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    parts = annotation if isinstance(annotation, tuple) else get_args(annotation)
    return [section for part in parts for section in _sections(part)]


def _tag(section: type[BaseModel]) -> str | None:
    protocol = section.model_fields.get("protocol")
    return get_args(protocol.annotation)[0] if protocol else None
