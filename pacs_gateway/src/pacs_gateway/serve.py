"""The gateway as one process: node, HTTP face, engine and watch, begun in order and ended in the reverse."""

from __future__ import annotations

import gc
import logging
import os
import signal
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import uvicorn
from fastapi import FastAPI
from filelock import FileLock, Timeout
from hunet_client.errors import UsageError
from hunet_protocol.tracing import end_traces
from prometheus_client import REGISTRY

from pacs_gateway.audit import AuditLog
from pacs_gateway.dicomweb.app import make_app
from pacs_gateway.dicomweb.store import StoreResource
from pacs_gateway.facade.server import FacadeServer
from pacs_gateway.http_api.access import Access
from pacs_gateway.http_api.catalogue import Catalogue
from pacs_gateway.http_api.comparing import Comparing
from pacs_gateway.http_api.correcting import Correcting
from pacs_gateway.http_api.product import product_of
from pacs_gateway.http_api.routes import make_routes
from pacs_gateway.http_api.uploading import Uploading
from pacs_gateway.jobs.deliveries import DeliveryJobs
from pacs_gateway.jobs.engine import prepare_engine, start_engine, stop_engine
from pacs_gateway.jobs.outbox import clear_results
from pacs_gateway.jobs.progress_board import ProgressBoard
from pacs_gateway.jobs.steps import ProcessingSteps
from pacs_gateway.jobs.study_jobs import StudyJobs
from pacs_gateway.jobs.upload_jobs import UploadJobs
from pacs_gateway.jobs.watch import Watch
from pacs_gateway.metrics import LedgerCollector
from pacs_gateway.node.node import DicomNode
from pacs_gateway.routing.configuration import Configuration, DicomWeb, Grpc
from pacs_gateway.routing.services import client_settings
from pacs_gateway.routing.tokens import check_tokens
from pacs_gateway.storage.intake import Intake
from pacs_gateway.storage.ledgers import Ledgers
from pacs_gateway.storage.retention import apply_retention

_LOG = logging.getLogger(__name__)
_HTTP_GRACE_S = 5


def serve(configuration: Configuration, steps: ProcessingSteps, progress: ProgressBoard) -> None:
    """Runs until SIGTERM or SIGINT, which end the process: a step under way is left to the next start.

    Raises UsageError where an address or the storage root is in use.
    """
    # uvicorn hands the signal on once it has shut down; by default that would end the process before the rest has.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        _run(configuration, steps, progress)
    end_traces()
    logging.shutdown()
    # Without waiting for the threads of steps under way, which may take minutes.
    os._exit(0)


def _run(configuration: Configuration, steps: ProcessingSteps, progress: ProgressBoard) -> None:
    with ExitStack() as running:
        check_tokens(configuration)
        running.enter_context(_only_gateway(configuration))
        ledgers = Ledgers.open(configuration)
        audit = AuditLog(configuration.audit_path)
        running.callback(audit.close)
        prepare_engine(configuration)
        deliveries = DeliveryJobs(configuration, ledgers, audit)
        studies = StudyJobs(configuration, ledgers, steps, deliveries, audit)
        uploads = UploadJobs(configuration, ledgers.uploads, steps.segment_upload, audit)
        start_engine(configuration)
        running.callback(stop_engine)

        root, max_instance_mb = configuration.storage.root, configuration.node.max_instance_mb
        intake = Intake(root, ledgers.instances, ledgers.deliveries, max_instance_mb=max_instance_mb)
        retention = partial(apply_retention, root, configuration.retention, ledgers, audit, clear_results)
        watch = Watch(configuration, ledgers, studies, uploads, deliveries, retention, audit)
        watch.start()
        running.callback(watch.stop)

        node = None
        if configuration.has_dicom_node:
            node = DicomNode(
                configuration.node,
                configuration.senders,
                intake,
                ledgers.instances,
                deliveries.report_commitment,
                audit,
            )
            _listen(node, configuration)
            running.callback(node.stop)
        if configuration.grpc is not None:
            facade = FacadeServer(
                configuration.grpc, configuration.processing, client_settings(configuration.processing)
            )
            _start_facade(facade, configuration.grpc)
            running.callback(facade.stop)
        REGISTRY.register(LedgerCollector(ledgers, root))
        store = StoreResource(configuration.senders, intake, audit, max_instance_mb=max_instance_mb)
        api = make_routes(
            product_of(configuration),
            Catalogue(root, ledgers, progress),
            Uploading(root, configuration.api, ledgers.uploads, uploads, audit),
            Comparing(root),
            Correcting(root, audit),
            Access(configuration.api, audit),
        )
        app = make_app(store, partial(_not_ready, ledgers, node, watch), api)
        _settle()
        _serve_http(configuration.dicomweb, app)


def _settle() -> None:
    """What is there now stays as long as the process, and Python need not look at it for garbage again.

    It looks everywhere only when a quarter as many new objects have survived. Statements to the ledger are cycles, and
    so an idle gateway would grow by megabytes an hour before the first such look.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # from here on the quarter is of what came after


def _not_ready(ledgers: Ledgers, node: DicomNode | None, watch: Watch) -> list[str]:
    missing = []
    if node is not None and not node.is_listening():
        missing.append("dicom node")
    if not watch.is_running():
        missing.append("study watch")
    try:
        ledgers.revisions.count_by_state()
    except Exception:
        _LOG.exception("the ledger does not answer")
        missing.append("ledger")
    return missing


def _listen(node: DicomNode, configuration: Configuration) -> None:
    try:
        node.start()
    except OSError as error:
        address = f"{configuration.node.host}:{configuration.node.port}"
        raise UsageError(address, f"cannot listen: {error.strerror or error}", "Set node.host and node.port") from error
    _LOG.info("%s listens on %s:%d", configuration.node.ae_title, configuration.node.host, node.port)


def _start_facade(facade: FacadeServer, grpc: Grpc) -> None:
    try:
        facade.start()
    except OSError as error:
        address = f"{grpc.host}:{grpc.port}"
        raise UsageError(address, "cannot listen", "Set grpc.host, grpc.port and grpc.tls") from error


def _serve_http(dicomweb: DicomWeb, app: FastAPI) -> None:
    tls = dicomweb.tls
    config = uvicorn.Config(
        app,
        host=dicomweb.host,
        port=dicomweb.port,
        log_config=None,
        access_log=False,
        # A page that follows a study would else hold up the end until the study's.
        timeout_graceful_shutdown=_HTTP_GRACE_S,
        ssl_certfile=str(tls.certificate) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
        ssl_ca_certs=str(tls.ca) if tls and tls.ca else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls and tls.ca else ssl.CERT_NONE,
    )
    uvicorn.Server(config).run()


@contextmanager
def _only_gateway(configuration: Configuration) -> Iterator[None]:
    """Two gateways on one storage root would both take up the same jobs."""
    root = configuration.storage.root
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(root / f"{configuration.jobs.gateway}.lock", timeout=0):
            yield
    except Timeout as error:
        raise UsageError(str(root), "another gateway runs on this storage root", "Stop it first") from error
    except PermissionError as error:
        raise UsageError(str(root), "cannot be written to", "Set storage.root to a folder of the gateway's") from error
