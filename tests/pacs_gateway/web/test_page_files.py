"""How the gateway serves the page's files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests

from pacs_gateway import web

WEB = Path(web.__file__).parent


@pytest.fixture(scope="module")
def url(make_module_gateway):
    return f"http://127.0.0.1:{make_module_gateway().http_port}"


@pytest.fixture(params=["/", "/assets/page.js", "/assets/study/lesion_worker.js", "/assets/style/page.css"])
def answer(request, url):
    answer = requests.get(url + request.param, timeout=10)
    answer.raise_for_status()
    return answer


def test_the_policy_allows_no_inline_script_or_style(answer):
    policy = answer.headers["Content-Security-Policy"]
    directives = {words[0]: words[1:] for words in (part.split() for part in policy.split(";")) if words}
    assert not re.search("unsafe|https?:|\\*", policy)
    assert directives["default-src"] == ["'none'"]
    assert directives["script-src"] == directives["style-src"] == directives["worker-src"] == ["'self'"]
    assert directives["frame-ancestors"] == directives["base-uri"] == ["'none'"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_the_page_names_is_there(url):
    index = (WEB / "index.html").read_text()
    named = set(re.findall(r'(?:href|src)="(/assets/[^"#]+)', index))
    assert len(named) > 5
    for path in named:
        assert requests.head(url + path, timeout=10).status_code == 200, path


@pytest.mark.parametrize(
    "path", ["/page.py", "/assets/../page.py", "/assets/%2e%2e/page.py", "/assets/", "/assets/none.js"]
)
def test_nothing_else_is_served(url, path):
    request = requests.Request("GET", url).prepare()
    # Otherwise requests would tidy the path.
    request.url = url + path
    assert requests.Session().send(request, timeout=10).status_code == 404


def test_a_file_that_has_not_changed_is_not_sent_again(url):
    path = f"{url}/assets/vendor/niivue.js"
    first = requests.get(path, timeout=10)
    again = requests.get(path, headers={"If-None-Match": first.headers["ETag"]}, timeout=10)
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["Content-Encoding"] == "gzip"


def test_no_markup_is_written_as_a_string():
    """It would need a weaker policy, or let the name of a file become markup."""
    scripts = [path for path in WEB.glob("assets/**/*.js") if path.parent.name != "vendor"]
    assert len(scripts) > 20
    for script in scripts:
        assert not re.search(r"(inner|outer)HTML|insertAdjacentHTML|document\.write|eval\(", script.read_text()), script
    assert not re.search(r"\sstyle=|<style|\son\w+=", (WEB / "index.html").read_text())
