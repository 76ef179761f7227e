"""The knowledge file: every sentence is cited, and can be said and left unsaid."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from importlib.resources import files

import pytest
from hunet_client.findings.facts import Facts
from hunet_client.findings.knowledge import KnowledgeFile, load_knowledge
from pydantic import ValidationError

KNOWLEDGE = load_knowledge()
RAW = tomllib.loads(files("hunet_client.findings").joinpath("knowledge.toml").read_text("utf-8"))
UNKNOWN = Facts(**{field.name: None for field in fields(Facts)})
SENTENCES = pytest.mark.parametrize("sentence", KNOWLEDGE.statements, ids=lambda sentence: sentence.id)


def facts_that_meet(sentence) -> Facts:
    bounds = {one.fact: one.at_least if one.at_least is not None else one.at_most for one in sentence.when}
    return replace(UNKNOWN, **bounds)


@SENTENCES
def test_a_sentence_is_said_when_its_conditions_hold(sentence):
    assert sentence.holds(facts_that_meet(sentence))


@SENTENCES
def test_a_sentence_is_not_said_when_one_of_its_conditions_fails(sentence):
    facts = facts_that_meet(sentence)
    for condition in sentence.when:
        beyond = [condition.at_least - 1 if condition.at_least is not None else None]
        beyond.append(condition.at_most + 1 if condition.at_most is not None else None)
        for value in beyond:
            # None: a fact that is not known meets no condition.
            assert not sentence.holds(replace(facts, **{condition.fact: value}))


@SENTENCES
def test_a_condition_asks_for_what_can_be(sentence):
    for condition in sentence.when:
        low = -1 if condition.at_least is None else condition.at_least
        assert low <= (low if condition.at_most is None else condition.at_most)
        # At least 0 always holds for what is counted.
        assert condition.at_least is None or condition.at_least > 0


@SENTENCES
def test_a_sentence_is_whole_and_cited(sentence):
    assert sentence.text.endswith(".")
    assert sentence.citations
    assert all(key in KNOWLEDGE.references for key in sentence.citations)


@pytest.mark.parametrize("key", KNOWLEDGE.references)
def test_a_reference_is_complete(key):
    reference = KNOWLEDGE.references[key]
    first, last = (int(page) for page in reference.pages.split("-"))
    assert first < last
    for part in (reference.authors, reference.title, reference.journal, str(reference.year), reference.doi):
        assert part in str(reference)


def test_the_criteria_and_guidelines_are_among_the_references():
    assert {"mcdonald2017", "mcdonald2024", "magnims2016", "magnims2019", "magnims2021"} == set(KNOWLEDGE.references)


def test_no_clinician_has_reviewed_it_and_it_says_so():
    assert KNOWLEDGE.reviewed is False
    assert "No clinician has reviewed" in KNOWLEDGE.notice


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw["statements"][0].update(citations=["nobody1999"]), "cited and listed references differ"),
        (lambda raw: raw["statements"][0].update(citations=[]), "at least 1 item"),
        (lambda raw: raw["statements"][0].update(when=[]), "at least 1 item"),
        (lambda raw: raw["statements"][0].update(when=[{"fact": "mood", "at_least": 1}]), "no fact 'mood'"),
        (lambda raw: raw["statements"][0].update(when=[{"fact": "regions"}]), "no bound"),
        (lambda raw: raw["statements"][1].update(id=raw["statements"][0]["id"]), "two statements have one id"),
        (lambda raw: raw["statements"][0].update(advice="x"), "Extra inputs"),
        (lambda raw: raw["references"]["mcdonald2017"].pop("doi"), "Field required"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused(change, message):
    raw = tomllib.loads(files("hunet_client.findings").joinpath("knowledge.toml").read_text("utf-8"))
    change(raw)
    with pytest.raises(ValidationError, match=message):
        KnowledgeFile.model_validate(raw)


def test_only_sentences_of_the_file_are_ever_said():
    texts = {sentence["text"] for sentence in RAW["statements"]}
    said = KNOWLEDGE.said_of(
        replace(UNKNOWN, lesion_count=4, regions=2, periventricular_count=2, new_count=1, new_or_grown_count=1)
    )
    assert {statement.text for statement in said} <= texts
    assert "space-2017" in {statement.id for statement in said}
    assert set(KNOWLEDGE.cited_in(said)) == {key for statement in said for key in statement.citations}
