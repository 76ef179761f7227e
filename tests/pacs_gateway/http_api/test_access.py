"""Who is let in."""

from __future__ import annotations

import pytest
import requests


@pytest.fixture(scope="module")
def with_token(make_module_gateway, tmp_path_factory):
    file = tmp_path_factory.mktemp("secrets") / "api_token"
    file.write_text("open sesame\n")
    return make_module_gateway(extra=f'[api]\nbearer_token_file = "{file}"')


def get(port, **headers):
    return requests.get(f"http://127.0.0.1:{port}/api/v1/info", headers=headers, timeout=10)


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer open", "Basic open sesame", "open sesame"])
def test_without_the_token_nothing_is_told(with_token, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = get(with_token.http_port, **headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert with_token.audit()[-1]["event"] == "request rejected"


def test_with_the_token_the_api_answers(with_token):
    answer = get(with_token.http_port, Authorization="Bearer open sesame")
    assert answer.status_code == 200
    assert "esearch use only" in answer.json()["research_use_only"]


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "evil.example:80"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_without_a_token_no_web_site_makes_a_browser_ask(lasting_gateway, headers):
    assert get(lasting_gateway.http_port, **headers).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}])
def test_without_a_token_this_machine_is_answered(lasting_gateway, headers):
    assert get(lasting_gateway.http_port, **headers).status_code == 200
