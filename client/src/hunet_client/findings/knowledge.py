"""The knowledge file: sentences, each with the condition under which it is said and its citations."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hunet_client.findings.document import Kind, Statement
from hunet_client.findings.facts import Facts

Key = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reference(_Part):
    authors: str = Field(min_length=1)
    title: str = Field(min_length=1)
    journal: str = Field(min_length=1)
    year: int = Field(ge=1990)
    volume: int = Field(ge=1)
    pages: str = Field(pattern=r"^\d+-\d+$")
    doi: str = Field(pattern=r"^10\.\d{4,}/\S+$")

    def __str__(self) -> str:
        where = f"{self.journal} {self.year};{self.volume}:{self.pages}"
        return f"{self.authors} {self.title}. {where}. doi:{self.doi}"


class Condition(_Part):
    """One fact within bounds. It does not hold where the fact is not known."""

    fact: str
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _can_be_asked(self) -> Condition:
        if self.fact not in Facts.names():
            raise ValueError(f"there is no fact {self.fact!r}")
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"the condition on {self.fact} has no bound")
        return self

    def holds(self, facts: Facts) -> bool:
        value: float | None = getattr(facts, self.fact)
        if value is None or (self.at_least is not None and value < self.at_least):
            return False
        return self.at_most is None or value <= self.at_most


class Sentence(_Part):
    id: Key
    kind: Kind
    when: tuple[Condition, ...] = Field(min_length=1)
    text: str = Field(min_length=1)
    citations: tuple[Key, ...] = Field(min_length=1)

    def holds(self, facts: Facts) -> bool:
        return all(condition.holds(facts) for condition in self.when)


class KnowledgeFile(_Part):
    """Raises pydantic's ValidationError for a file that is not as it should be, such as an unknown citation."""

    version: str
    reviewed: bool
    notice: str
    references: dict[Key, Reference]
    statements: tuple[Sentence, ...]

    @model_validator(mode="after")
    def _is_whole(self) -> KnowledgeFile:
        ids = [sentence.id for sentence in self.statements]
        if len(set(ids)) < len(ids):
            raise ValueError("two statements have one id")
        cited = {key for sentence in self.statements for key in sentence.citations}
        if cited != set(self.references):
            raise ValueError(f"cited and listed references differ: {sorted(cited ^ set(self.references))}")
        return self

    def said_of(self, facts: Facts) -> tuple[Statement, ...]:
        """The sentences whose conditions hold, in the file's order."""
        return tuple(
            Statement(id=sentence.id, kind=sentence.kind, text=sentence.text, citations=sentence.citations)
            for sentence in self.statements
            if sentence.holds(facts)
        )

    def cited_in(self, statements: tuple[Statement, ...]) -> dict[str, str]:
        """The references of these statements, in the file's order."""
        cited = {key for statement in statements for key in statement.citations}
        return {key: str(reference) for key, reference in self.references.items() if key in cited}


@cache
def load_knowledge() -> KnowledgeFile:
    text = files("hunet_client.findings").joinpath("knowledge.toml").read_text("utf-8")
    return KnowledgeFile.model_validate(tomllib.loads(text))
