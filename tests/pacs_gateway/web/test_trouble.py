"""What the page does when something is not there: Triton, the connection, the study."""

from __future__ import annotations

import base64

import pytest
from gateway_api import GatewayApi, processing
from severable_link import SeverableLink

ENDED_MS = 90_000
LEFT_WHILE_READING = """async (scan) => {
  const { Viewer } = await import("/assets/study/viewer.js");
  const room = document.body.appendChild(document.createElement("div"));
  const viewer = await Viewer.open(room.appendChild(document.createElement("canvas")));
  const view = new AbortController();
  const showing = viewer.showScan(Uint8Array.from(atob(scan), (letter) => letter.charCodeAt(0)).buffer, view.signal);
  view.abort();
  viewer.close();
  return showing.then(() => "shown", (error) => error.name);
}"""


@pytest.fixture(scope="module")
def to_triton(running_stack):
    """Severed at first: Triton is dead until the link is mended."""
    link = SeverableLink(int(running_stack.state.triton_grpc_address.rsplit(":", 1)[1]))
    yield link
    link.close()


@pytest.fixture(scope="module")
def gateway(running_stack, make_module_gateway, to_triton):
    sections = processing(running_stack.state, triton_address=f"127.0.0.1:{to_triton.port}")
    return make_module_gateway(real_steps=True, extra=sections)


@pytest.fixture
def waiting(gateway, to_triton, phantom_nifti):
    """A study that waits for Triton."""
    to_triton.sever()
    gateway_api = GatewayApi(gateway.http_port)
    return gateway_api.send(phantom_nifti.read_bytes(), "waits_for_triton.nii.gz")


def watched(open_page, url, study):
    page = open_page(f"{url}/#/studies/{study['id']}")
    page.wait_for_selector(".steps")
    return page


def test_a_study_outlives_a_dead_triton_and_a_lost_connection(open_page, gateway, to_triton, waiting):
    to_gateway = SeverableLink(gateway.http_port)
    page = watched(open_page, f"http://127.0.0.1:{to_gateway.port}", waiting)
    lost = page.get_by_text("The connection is lost")
    assert lost.is_hidden()
    to_gateway.sever()
    lost.wait_for()
    to_gateway.mend()
    lost.wait_for(state="hidden")
    to_triton.mend()
    page.wait_for_selector("tr[data-lesion]", timeout=ENDED_MS)
    to_gateway.close()


def test_a_scan_whose_reading_broke_off_is_read_again(open_page, gateway, to_triton, waiting):
    url = f"http://127.0.0.1:{gateway.http_port}"
    page = open_page(url)
    broken = []
    page.route("**/flair.nii.gz", lambda route: broken.append(route.abort()) if not broken else route.continue_())
    page.goto(f"{url}/#/studies/{waiting['id']}")
    page.wait_for_selector(".steps")
    to_triton.mend()
    page.wait_for_selector("tr[data-lesion]", timeout=ENDED_MS)
    assert broken


def test_a_connection_that_fell_silent_is_taken_up_again(open_page, gateway, to_triton, waiting):
    to_gateway = SeverableLink(gateway.http_port)
    page = watched(open_page, f"http://127.0.0.1:{to_gateway.port}", waiting)
    page.clock.install()
    page.reload()
    page.wait_for_selector(".steps")
    to_gateway.fall_silent(b"/events ")
    to_triton.mend()
    GatewayApi(gateway.http_port).wait_until_ended(waiting["id"])
    assert page.locator(".steps").is_visible()
    page.clock.fast_forward("00:30")
    page.wait_for_selector("tr[data-lesion]")
    to_gateway.close()


def test_a_worklist_whose_connection_fell_silent_says_so_and_goes_on(open_page, api, study):
    link = SeverableLink(api.port)
    page = open_page(f"http://127.0.0.1:{link.port}")
    page.clock.install()
    page.reload()
    row = page.locator(f"[data-study='{study['id']}']")
    row.wait_for()
    with page.expect_request("**/studies?limit=*"):
        link.swallow_next(b"/studies?limit=")
    page.clock.fast_forward("01:05")
    page.get_by_text("The gateway does not answer").wait_for()
    row.wait_for()
    link.close()


def test_a_second_tab_watches_the_same_study(open_page, gateway, to_triton, waiting):
    url = f"http://127.0.0.1:{gateway.http_port}"
    first, second = watched(open_page, url, waiting), watched(open_page, url, waiting)
    to_triton.mend()
    for page in (first, second):
        page.wait_for_selector("tr[data-lesion]", timeout=ENDED_MS)


def test_a_study_is_given_up_by_the_reader(open_page, gateway, waiting):
    page = watched(open_page, f"http://127.0.0.1:{gateway.http_port}", waiting)
    page.get_by_role("button", name="Cancel and remove").click()
    page.wait_for_selector(".worklist")
    page.wait_for_selector(f"[data-study='{waiting['id']}']", state="detached")


def test_a_scan_whose_view_was_left_while_it_was_read_is_not_drawn(modules, phantom_nifti):
    scan = base64.b64encode(phantom_nifti.read_bytes()).decode()
    assert modules.evaluate(LEFT_WHILE_READING, scan) == "AbortError"


def test_a_triton_that_stays_dead_is_named_with_what_to_do(
    open_page, running_stack, make_gateway, to_triton, phantom_nifti, monkeypatch
):
    to_triton.sever()
    monkeypatch.setenv("HUNET_RETRY__ATTEMPTS", "1")
    sections = processing(running_stack.state, triton_address=f"127.0.0.1:{to_triton.port}")
    gateway = make_gateway(real_steps=True, extra=sections, jobs="max_attempts = 1")
    api = GatewayApi(gateway.http_port)
    study = api.send(phantom_nifti.read_bytes(), "never.nii.gz")

    page = open_page(api.url)
    page.locator("tr.is-failed", has_text="never.nii.gz").wait_for(timeout=ENDED_MS)
    page.get_by_role("link", name="never.nii.gz").click()
    problem = page.locator(".message.problem")
    problem.wait_for()
    error = api.get(f"studies/{study['id']}").json()["error"]
    assert error["detail"] in problem.inner_text()
    assert error["fix"]
    assert error["fix"] in problem.inner_text()


def test_a_study_that_is_not_there_says_so(open_page, api):
    page = open_page(f"{api.url}/#/studies/no-such-study")
    page.locator(".message.problem").wait_for()
    page.keyboard.press("g")
    page.wait_for_selector(".worklist")


def test_a_gateway_that_is_gone_comes_back_by_itself(open_page, api, study):
    link = SeverableLink(api.port)
    page = open_page(f"http://127.0.0.1:{link.port}")
    page.wait_for_selector(".studies")
    link.sever()
    page.get_by_text("The gateway does not answer").wait_for()
    link.mend()
    page.wait_for_selector(f"[data-study='{study['id']}']")
    link.close()
