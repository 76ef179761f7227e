"""Supervision, with small programs as parts."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import psutil
import pytest
from hunet_local.probes import NotAnsweringError
from hunet_local.supervise import Pace, PartFailedError, supervise

QUICK = Pace(poll_s=0.02, watch_s=0.02, ask_s=0.02, patience=3, first_back_off_s=0.01, longest_back_off_s=0.05)
STACK = "supervise-test"


class Supervision:
    """A supervisor as a task, and what it said."""

    def __init__(self, *parts) -> None:
        self.said: list[str] = []
        self.ready = asyncio.Event()
        self.stop = asyncio.Event()
        self._parts = parts

    async def __aenter__(self) -> Supervision:
        self._task = asyncio.create_task(
            supervise(
                self._parts,
                f"{STACK}-{os.getpid()}",
                say=self.said.append,
                on_ready=self.ready.set,
                stop=self.stop,
                pace=QUICK,
            )
        )
        return self

    async def __aexit__(self, *_exc) -> None:
        self.stop.set()
        await self._task

    async def until_it_ends(self) -> None:
        async with asyncio.timeout(60):
            await self._task

    async def until_said(self, text: str) -> None:
        await self.until(lambda: any(text in line for line in self.said))

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                assert not self._task.done(), self._task.exception()
                await asyncio.sleep(0.02)


def pauses(said: list[str]) -> list[float]:
    """How long each new start waited, in seconds."""
    return [float(line.rsplit(" in ", 1)[1].removesuffix(" s")) for line in said if "starting it again in" in line]


def run(scenario) -> None:
    asyncio.run(scenario())


def test_it_is_ready_when_the_part_answers_and_stops_it_at_the_end(part_running, is_alive):
    part = part_running()

    async def scenario():
        async with Supervision(part) as supervision:
            await supervision.until(supervision.ready.is_set)
            pid = part.probe.pid()
            assert is_alive(pid)
        assert not is_alive(pid)
        assert supervision.said[-1] == "echo has stopped"

    run(scenario)


def test_a_killed_part_comes_back_at_the_same_address(part_running):
    part = part_running()

    async def scenario():
        async with Supervision(part) as supervision:
            await supervision.until(supervision.ready.is_set)
            first = part.probe.pid()
            os.kill(first, signal.SIGKILL)
            await supervision.until(lambda: sum("answers" in line for line in supervision.said) == 2)
            assert part.probe.pid() != first
            assert any("was killed by signal 9; starting it again" in line for line in supervision.said)

    run(scenario)


def test_a_part_that_runs_but_answers_no_more_is_restarted(part_running, tmp_path):
    """Its first process answers once and then only listens."""
    part = part_running(f"""
        import os, pathlib, socket, sys, time
        listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        marker = pathlib.Path({str(tmp_path / "started")!r})
        is_second = marker.exists()
        marker.touch()
        while True:
            connection, _ = listener.accept()
            if is_second or not globals().get("answered"):
                connection.sendall(str(os.getpid()).encode())
                answered = True
            connection.close()
    """)

    async def scenario():
        async with Supervision(part) as supervision:
            await supervision.until_said("does not answer any more")
            await supervision.until(lambda: sum("answers (" in line for line in supervision.said) == 2)

    run(scenario)


def test_a_part_that_lost_a_worker_is_restarted(part_running, tmp_path):
    """As Triton with a dead stub: the server goes on, and never replaces the worker."""
    worker_file = tmp_path / "worker"
    part = part_running(
        before=f"""
        import subprocess, sys
        worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open({str(worker_file)!r}, "w").write(str(worker.pid))
        """,
        keeps_workers=True,
    )

    async def scenario():
        async with Supervision(part) as supervision:
            await supervision.until(supervision.ready.is_set)
            os.kill(int(worker_file.read_text()), signal.SIGKILL)
            await supervision.until_said("has lost a worker process; starting it again")
            await supervision.until(lambda: sum("answers (" in line for line in supervision.said) == 2)

    run(scenario)


def test_a_part_whose_children_come_and_go_is_left_alone(part_running):
    """As preprocessing, which reads compressed images in processes of their own."""
    part = part_running(
        before="""
        import os, subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", ""])
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        """
    )

    async def scenario():
        async with Supervision(part) as supervision:
            await supervision.until(supervision.ready.is_set)
            pid = part.probe.pid()
            assert [child.status() for child in psutil.Process(pid).children()] == [psutil.STATUS_ZOMBIE]
            asked = part.probe.asked
            await supervision.until(lambda: part.probe.asked > asked + 3)
            assert part.probe.pid() == pid

    run(scenario)


def test_a_part_that_answered_until_it_failed_starts_again_soon_each_time(part_running):
    part = part_running("""
        import os, socket, sys
        listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        connection, _ = listener.accept()
        connection.sendall(str(os.getpid()).encode())
        connection.close()
        # Ends when it is asked again: its first answer has been heard.
        listener.accept()
    """)

    async def scenario():
        async with Supervision(part) as supervision:
            await supervision.until(lambda: len(pauses(supervision.said)) == 4)
            assert set(pauses(supervision.said)) == {QUICK.first_back_off_s}

    run(scenario)


def test_a_part_that_fails_before_it_answers_waits_longer_each_time(part_running, tmp_path):
    part = part_running(f"""
        import os, pathlib, socket, sys
        listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        marker = pathlib.Path({str(tmp_path / "started")!r})
        if not marker.exists():
            marker.touch()
            connection, _ = listener.accept()
            connection.sendall(str(os.getpid()).encode())
            connection.close()
            listener.accept()
    """)

    async def scenario():
        async with Supervision(part) as supervision:
            await supervision.until(lambda: len(pauses(supervision.said)) == 5)
            assert pauses(supervision.said) == [0.01, 0.02, 0.04, 0.05, 0.05]

    run(scenario)


def test_a_part_that_ends_before_it_answers_is_reported_with_its_last_words(part_running):
    part = part_running("print('no such model'); raise SystemExit(7)")

    async def scenario():
        supervision = Supervision(part)
        with pytest.raises(PartFailedError) as failure:
            async with supervision:
                await supervision.until_it_ends()
        assert "ended with exit code 7" in str(failure.value)
        assert "no such model" in str(failure.value)
        assert not supervision.ready.is_set()

    run(scenario)


def test_a_part_that_never_answers_is_reported_and_stopped(part_running, is_alive, tmp_path, pid_in):
    pid_file = tmp_path / "pid"
    part = part_running(
        f"""
        import os, time
        print(os.getpid(), file=open({str(pid_file)!r}, "w"), flush=True)
        time.sleep(600)
        """,
        start_timeout_s=3,
    )

    async def scenario():
        with pytest.raises(PartFailedError, match="did not answer within 3 s"):
            async with Supervision(part) as supervision:
                await supervision.until_it_ends()
        assert not is_alive(pid_in(pid_file))

    run(scenario)


def test_a_part_that_cannot_be_asked_is_restarted_and_stops_no_other(part_running, monkeypatch):
    """As one whose certificates are being replaced."""
    part, other = part_running(), part_running(name="other")

    async def scenario():
        async with Supervision(part, other) as supervision:
            await supervision.until(supervision.ready.is_set)
            pid = other.probe.pid()

            async def fail():
                monkeypatch.undo()
                raise FileNotFoundError("client.pem")

            monkeypatch.setattr(part.probe, "check_alive", fail)
            await supervision.until_said("cannot be asked: FileNotFoundError: client.pem; starting it again")
            await supervision.until(lambda: sum("echo answers (" in line for line in supervision.said) == 2)
            assert other.probe.pid() == pid

    run(scenario)


def test_one_part_that_fails_at_the_start_stops_the_others(part_running):
    healthy = part_running()
    broken = part_running("raise SystemExit(1)", name="broken")

    async def scenario():
        with pytest.raises(PartFailedError):
            async with Supervision(healthy, broken) as supervision:
                await supervision.until_it_ends()
        with pytest.raises(NotAnsweringError, match="refused"):
            healthy.probe.pid()

    run(scenario)


def test_a_part_that_ignores_the_request_to_end_is_killed(part_running, is_alive):
    part = part_running(
        """
        import os, signal, socket, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        while True:
            connection, _ = listener.accept()
            connection.sendall(str(os.getpid()).encode())
            connection.close()
        """,
        stop_timeout_s=0.2,
    )

    async def scenario():
        async with Supervision(part) as supervision:
            await supervision.until(supervision.ready.is_set)
            pid = part.probe.pid()
        assert not is_alive(pid)

    run(scenario)


def test_what_a_part_started_goes_with_it(part_running, is_alive, tmp_path, pid_in):
    """Even a process that left the part's session, as a stub that outlives its server does."""
    pid_file = tmp_path / "grandchild"
    part = part_running(
        before=f"""
        import subprocess, sys
        code = "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'w'), flush=True); time.sleep(99)"
        subprocess.Popen([sys.executable, "-c", code, {str(pid_file)!r}], start_new_session=True)
        """
    )

    async def scenario():
        async with Supervision(part) as supervision:
            await supervision.until(lambda: supervision.ready.is_set() and pid_in(pid_file))
            assert is_alive(pid_in(pid_file))
        assert not is_alive(pid_in(pid_file))

    run(scenario)
