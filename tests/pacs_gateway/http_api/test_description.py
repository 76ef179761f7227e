"""The API is what its OpenAPI description says, whatever it is sent."""

from __future__ import annotations

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)


@pytest.fixture(scope="session")
def description(api):
    return schemathesis.openapi.from_url(f"{api.url}/api/v1/openapi.json")


described = schemathesis.pytest.from_fixture("description")


@described.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_description_names(case):
    case.call_and_validate(
        checks=[not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance],
        timeout=30,
    )


def test_the_description_is_openapi_3_1_and_says_what_the_product_is_for(api):
    described = requests.get(f"{api.url}/api/v1/openapi.json", timeout=10).json()
    assert described["openapi"].startswith("3.1")
    assert "esearch use only" in described["info"]["summary"]
    assert set(described["paths"]) == {
        "/api/v1/info",
        "/api/v1/studies",
        "/api/v1/studies/{study_id}",
        "/api/v1/studies/{study_id}/change",
        "/api/v1/studies/{study_id}/corrections",
        "/api/v1/studies/{study_id}/corrections/{revision}/{name}",
        "/api/v1/studies/{study_id}/events",
        "/api/v1/studies/{study_id}/{name}",
    }
