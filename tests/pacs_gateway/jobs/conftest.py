"""The jobs on a real engine in this process; the watch looks when the test says so."""

from __future__ import annotations

import pytest
from dbos import _dbos as engine_registry
from gateway_process import configuration_text, wait_until
from mr_series import as_bytes
from pacs_gateway.audit import AuditLog
from pacs_gateway.jobs import deliveries
from pacs_gateway.jobs.deliveries import DeliveryJobs
from pacs_gateway.jobs.engine import prepare_engine, start_engine, stop_engine
from pacs_gateway.jobs.states import FINAL
from pacs_gateway.jobs.study_jobs import StudyJobs
from pacs_gateway.jobs.watch import Watch
from pacs_gateway.routing.configuration_file import read_configuration
from pacs_gateway.storage.intake import Intake
from pacs_gateway.storage.ledgers import Ledgers
from stand_in_steps import STEPS

DESTINATION_WITHOUT_COMMITMENT = "commitment = false"


class Destination:
    def __init__(self):
        self.error = None

    def send(self, destination, files, ae_title):
        if self.error is not None:
            raise self.error


class RunningJobs:
    def __init__(self, folder, *, jobs="", extra=""):
        file = folder / "gateway.toml"
        sections = {"destination": DESTINATION_WITHOUT_COMMITMENT, "jobs": jobs, "extra": extra}
        file.write_text(configuration_text(folder / "storage", 1, 2, 3, **sections), "utf-8")
        self.configuration = read_configuration(file)
        self.root = self.configuration.storage.root
        self.ledgers = Ledgers.open(self.configuration)
        self.audit = AuditLog(self.configuration.audit_path)
        prepare_engine(self.configuration)
        self.deliveries = DeliveryJobs(self.configuration, self.ledgers, self.audit)
        self.studies = StudyJobs(self.configuration, self.ledgers, STEPS, self.deliveries, self.audit)
        self.watch = Watch(
            self.configuration, self.ledgers, self.studies, None, self.deliveries, lambda: None, self.audit
        )
        start_engine(self.configuration)

    def receive(self, series):
        """Takes these instances and closes the study; gives back its UID."""
        intake = Intake(self.root, self.ledgers.instances, self.ledgers.deliveries, max_instance_mb=10)
        for dataset in series:
            intake.accept(as_bytes(dataset), "PACS", "127.0.0.1")
        self.ledgers.revisions.close_quiet_studies(0.0, frozenset())
        return series[0].StudyInstanceUID

    def run(self, series):
        """As `receive`, and gives the study to the engine."""
        study_uid = self.receive(series)
        self.watch.start_jobs()
        return study_uid

    def state(self, study_uid, number=1):
        return self.ledgers.revisions.get(study_uid, number).state

    def wait_for(self, state, study_uid, number=1):
        def is_so():
            now = self.state(study_uid, number)
            assert now == state or now not in FINAL, f"ended as {now}, not {state}"
            return now == state

        wait_until(is_so, f"state {state}")

    def close(self):
        stop_engine()
        self.audit.close()
        self.ledgers.engine.dispose()


@pytest.fixture
def destination(monkeypatch):
    """Takes everything, or raises its `error` while it has one."""
    stand_in = Destination()
    monkeypatch.setattr(deliveries, "send_results", stand_in.send)
    return stand_in


@pytest.fixture
def make_running_jobs(tmp_path, destination):
    """`make_running_jobs(...)`: the jobs of a gateway whose destination takes everything; they end with the test."""
    made = []

    def make(**sections):
        # The engine knows one instance of each class in a process: those of the test before are gone.
        engine_registry._get_or_create_dbos_registry().instance_info_map.clear()
        made.append(RunningJobs(tmp_path, **sections))
        return made[-1]

    yield make
    for jobs in made:
        jobs.close()


@pytest.fixture
def running_jobs(make_running_jobs):
    return make_running_jobs()


@pytest.fixture
def fail_times(monkeypatch):
    """`fail_times(count, error, owner, name)`: the method raises the error the first `count` times."""

    def arrange(count, error, owner, name):
        method, left = getattr(owner, name), [count]

        def failing(*args, **kwargs):
            if left[0]:
                left[0] -= 1
                raise error
            return method(*args, **kwargs)

        monkeypatch.setattr(owner, name, failing)

    return arrange
