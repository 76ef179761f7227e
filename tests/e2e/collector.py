"""Where OpenTelemetry traces arrive: OTLP over HTTP, as Python sends it (protobuf) and as Triton does (JSON)."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class ReceivedSpan:
    """Ids in hexadecimal; ``parent_id`` is empty for the first of a trace."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    error: bool


class Collector:
    """What has arrived: spans, and the bytes they came in."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.spans: list[ReceivedSpan] = []
        self.bodies: list[bytes] = []
        self._lock = threading.Lock()

    def receive(self, content_type: str, body: bytes) -> None:
        spans = _of_json(json.loads(body)) if "json" in content_type else _of_protobuf(body)
        with self._lock:
            self.spans += spans
            self.bodies.append(body)

    def trace_of(self, span: ReceivedSpan) -> list[ReceivedSpan]:
        return [other for other in self.spans if other.trace_id == span.trace_id]


def _of_protobuf(body: bytes) -> Iterator[ReceivedSpan]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
        for scope in resource.scope_spans:
            for span in scope.spans:
                ids = (part.hex() for part in (span.trace_id, span.span_id, span.parent_span_id))
                yield ReceivedSpan(service, span.name, *ids, span.status.code == 2)


def _of_json(document: dict) -> Iterator[ReceivedSpan]:
    for resource in document["resourceSpans"]:
        attributes = {one["key"]: one["value"] for one in resource["resource"]["attributes"]}
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                ids = (_as_hex(span.get(name, "")) for name in ("traceId", "spanId", "parentSpanId"))
                yield ReceivedSpan(attributes["service.name"]["stringValue"], span["name"], *ids, False)


def _as_hex(identity: str) -> str:
    """OTLP's JSON writes ids in hexadecimal; older exporters in base64."""
    return identity.lower() if len(identity) in (0, 16, 32) else base64.b64decode(identity).hex()


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Listens on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.receive(self.headers["Content-Type"], body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_port)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield collector
        server.shutdown()
