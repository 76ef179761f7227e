"""Plans as TOML: written with the reason above each value, read with every mistake named."""

import textwrap
import tomllib
from collections.abc import Sequence
from pathlib import Path

import tomlkit
from hunet_client.errors import InputError
from hunet_client.notice import RESEARCH_USE_ONLY
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from tomlkit.items import Array, Item, Table

from mamba_hunet.training.plan import ExcludedCase, Plan
from mamba_hunet.training.plan_rules import ReasonedPlan

_WIDTH = 118
_HEAD = "Training plan. Edit what you know better, then: hunet train --data DATA --plan THIS_FILE"


class PlanError(InputError):
    """The plan cannot be trained by."""


def write_plan(reasoned: ReasonedPlan, description: Sequence[str]) -> str:
    """The plan as TOML, a reason above each value.

    Args:
        reasoned: the plan with its reasons.
        description: lines that say what the data are, for the head of the file.
    """
    plan, reasons = reasoned.plan, reasoned.reasons
    document = tomlkit.document()
    for line in (_HEAD, RESEARCH_USE_ONLY, "", *description):
        _add_comment(document, line)
    for key in ("patients", "smallest_lesion_ml"):
        document.add(tomlkit.nl())
        _add_comment(document, reasons[key])
        document.add(key, _item(getattr(plan, key)))
    for name in ("training", "batch", "scans", "source_weights"):
        part = getattr(plan, name)
        values = part.model_dump() if isinstance(part, BaseModel) else part
        table = tomlkit.table()
        for key, value in values.items():
            _add_comment(table, reasons[f"{name}.{key}"])
            table.add(key, value)
        document.add(tomlkit.nl())
        document.add(name, table)
    excluded = tomlkit.aot()
    for entry in plan.excluded:
        excluded.append(tomlkit.item(entry.model_dump()))
    if plan.excluded:
        document.add(tomlkit.nl())
        _add_comment(document, "Cases that are not trained on. Delete an entry to train on its case.")
        document.add("excluded", excluded)
    return tomlkit.dumps(document)


def _item(value: object) -> Item:
    item = tomlkit.item(value)
    return item.multiline(len(item) > 6) if isinstance(item, Array) else item


def _add_comment(container: tomlkit.TOMLDocument | Table, text: str) -> None:
    for line in textwrap.wrap(text, _WIDTH) or [""]:
        container.add(tomlkit.comment(line))


def with_steps(text: str, steps: int) -> str:
    """The text of a valid plan with another number of steps, comments and all else as they were."""
    document = tomlkit.parse(text)
    document["training"]["steps"] = steps
    return tomlkit.dumps(document)


def read_plan(path: Path) -> tuple[Plan, str]:
    """Reads a plan, and its text.

    Raises:
        PlanError: no such file, no TOML, or a key that is unknown, missing or of a value that is not allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise PlanError(str(path), f"cannot be read: {exc}", "Make one with hunet plan DATA") from exc
    return parse_plan(text, str(path)), text


def parse_plan(text: str, name: str) -> Plan:
    """Reads the text of a plan; `name` is what an error calls it.

    Raises:
        PlanError: no TOML, or a key that is unknown, missing or of a value that is not allowed.
    """
    try:
        return Plan.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as exc:
        raise PlanError(name, f"is no TOML: {exc}", "Correct that place") from exc
    except ValidationError as exc:
        # A mistyped key is unknown and missing at once; that it is unknown says more.
        unknown = [error for error in exc.errors() if error["type"] == "extra_forbidden"]
        raise _plan_error(name, (unknown or exc.errors())[0]) from exc


def _plan_error(name: str, error: ErrorDetails) -> PlanError:
    place = error["loc"]
    key = ".".join(str(part) for part in place)
    if error["type"] == "extra_forbidden":
        allowed = ", ".join(_model_at(place[:-1]).model_fields)
        return PlanError(name, f"{key} is no key of a plan", f"Allowed there are {allowed}")
    allowed = _description_at(place)
    if error["type"] == "missing":
        return PlanError(name, f"{key} is missing", f"Give it a value: {allowed}")
    return PlanError(name, f"{key} = {error['input']!r} is not allowed", f"Allowed is {allowed}")


def _model_at(place: tuple[int | str, ...]) -> type[BaseModel]:
    """The model whose keys stand at a place: of the plan itself, of a table, or of an entry in `excluded`."""
    if not place:
        return Plan
    if place[0] == "excluded":
        return ExcludedCase
    model = Plan.model_fields[str(place[0])].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model


def _description_at(place: tuple[int | str, ...]) -> str:
    """What a value may be."""
    if place[0] == "patients":
        return "a list of names in quotes"
    if place[0] == "source_weights":
        return "a table of numbers, 0 or more"
    if len(place) == 1 and (described := Plan.model_fields[str(place[0])].description):
        return described
    if len(place) == 1 or (place[0] == "excluded" and len(place) == 2):
        return "a table of " + ", ".join(_model_at(place).model_fields)
    return str(_model_at(place[:-1]).model_fields[str(place[-1])].description)
