"""The page takes nothing from elsewhere, runs nothing that it was sent, and says what it is for."""

from __future__ import annotations


def test_everything_comes_from_the_gateway(open_page, api, study):
    asked = []
    page = open_page("about:blank")
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{api.url}/#/studies/{study['id']}")
    page.wait_for_selector("tr[data-lesion]")
    own = (api.url, "data:", f"blob:{api.url}")
    assert [url for url in asked if not url.startswith(own)] == []
    assert any(url.endswith("niivue.js") for url in asked)


def test_a_script_in_the_page_is_refused(browser, api):
    page = browser.new_page()
    page.goto(api.url)
    refused = page.evaluate("""() => new Promise((resolve) => {
      document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
      const script = document.createElement("script");
      script.textContent = "document.title = 'run'";
      document.body.append(script);
    })""")
    assert refused.startswith("script-src")
    assert page.title() != "run"
    page.close()


def test_every_view_says_research_use_only(open_page, api, study):
    page = open_page(api.url)
    for address in ("", f"#/studies/{study['id']}", "#/studies/no-such-study"):
        page.goto(f"{api.url}/{address}")
        page.wait_for_load_state()
        assert page.get_by_text("Research use only").first.is_visible()
