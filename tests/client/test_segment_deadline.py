"""When its deadline passes or its caller gives up, a scan ends, and so does the work downstream."""

from __future__ import annotations

import os
import signal
import socket
import threading

import anyio
import pytest
from hunet_client import AsyncSegmentationClient, ClientSettings, SegmentationClient, Timeouts, async_client
from hunet_client.errors import DeadlineExceededError, ServiceUnavailableError
from hunet_client.open_scan import open_scan


def parts(stack):
    return {
        "preprocess": stack.preprocess.preprocess,
        "restore": stack.preprocess.restore,
        "infer": stack.triton.infer,
    }


@pytest.mark.parametrize("part", ["preprocess", "infer", "restore"])
def test_the_deadline_cancels_the_part_that_hangs(stack, scan_path, part):
    parts(stack)[part].hangs = True

    with SegmentationClient(stack.settings) as client, pytest.raises(DeadlineExceededError):
        client.segment(scan_path, deadline_s=0.5)
    assert parts(stack)[part].cancelled.wait(timeout=30)


def test_the_deadline_holds_while_the_scan_is_being_opened(stack, scan_path, monkeypatch):
    given_up = threading.Event()

    def hang(scan, *, file_name):
        given_up.wait(timeout=10)
        return open_scan(scan, file_name=file_name)

    monkeypatch.setattr(async_client, "open_scan", hang)
    with SegmentationClient(stack.settings) as client:
        with pytest.raises(DeadlineExceededError, match=f"{scan_path}: not finished within 0.5 s"):
            client.segment(scan_path, deadline_s=0.5)
        given_up.set()
    assert stack.preprocess.preprocess.calls == 0


@pytest.mark.parametrize("part", ["preprocess", "infer", "restore"])
def test_a_caller_that_gives_up_cancels_the_work_in_every_service(stack, scan_path, part):
    parts(stack)[part].hangs = True

    async def give_up():
        async with AsyncSegmentationClient(stack.settings) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.segment, scan_path)
            with anyio.fail_after(30):
                while parts(stack)[part].calls == 0:
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()

    anyio.run(give_up)
    assert parts(stack)[part].cancelled.wait(30)


@pytest.fixture
def interruptible():
    """Python's own handler, since a shell's background jobs inherit an ignored SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_in_synchronous_code_cancels_the_work(stack, scan_path):
    stack.triton.infer.hangs = True

    def press_ctrl_c():
        while stack.triton.infer.calls == 0:
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    with SegmentationClient(stack.settings) as client:
        threading.Thread(target=press_ctrl_c).start()
        with pytest.raises(KeyboardInterrupt):
            client.segment(scan_path)
        assert stack.triton.infer.cancelled.wait(timeout=30)


def test_a_failure_in_one_part_cancels_the_others(stack, scan_path):
    stack.triton.infer.hangs = True

    def fail(number, context):
        while stack.triton.infer.calls == 0 and context.is_active():
            threading.Event().wait(0.01)
        raise RuntimeError("a bug in the service")

    stack.preprocess.before_batch = lambda number, context: fail(number, context) if number == 1 else None

    with SegmentationClient(stack.settings) as client, pytest.raises(Exception, match="UNKNOWN"):
        client.segment(scan_path)
    assert stack.triton.infer.cancelled.wait(timeout=30)


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("dead", ["preprocess_address", "triton_address"])
def test_when_nobody_answers_the_error_names_the_address_and_hunet_up(stack, scan_path, dead):
    address = f"127.0.0.1:{closed_port()}"
    settings = stack.settings.model_copy(update={dead: address, "timeouts": Timeouts(connect_s=0.3)})

    with SegmentationClient(settings) as client, pytest.raises(ServiceUnavailableError) as caught:
        client.segment(scan_path)
    assert address in str(caught.value)
    assert "`hunet up`" in str(caught.value)
    assert caught.value.exit_code == 4


def test_the_next_scan_works_after_a_deadline(stack, scan_path, scan_volume):
    stack.triton.infer.hangs = True
    with SegmentationClient(stack.settings) as client:
        with pytest.raises(DeadlineExceededError):
            client.segment(scan_path, deadline_s=0.5)
        stack.triton.infer.hangs = False

        assert (client.segment(scan_path).mask == (scan_volume >= 50)).all()


def test_settings_are_checked_when_they_are_made():
    with pytest.raises(ValueError, match="scan_s"):
        ClientSettings(timeouts={"scan_s": -1})
