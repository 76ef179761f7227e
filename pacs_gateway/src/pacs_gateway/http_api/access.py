"""Who may call the API: whoever has the token, or where none is set, programs on this machine."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from fastapi import Request

from pacs_gateway.audit import AuditLog
from pacs_gateway.http_api.problem import ProblemError
from pacs_gateway.routing.configuration import Api
from pacs_gateway.routing.tokens import read_token

_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


class Access:
    """A dependency of every route. Raises ProblemError."""

    def __init__(self, api: Api, audit: AuditLog) -> None:
        self._token_file = api.bearer_token_file
        self._audit = audit

    def __call__(self, request: Request) -> None:
        refusal = self._refusal_by_token(request) if self._token_file else _refusal_of_stranger(request)
        if refusal is not None:
            self._audit.write_rejection("request rejected", address=_address(request), reason=refusal.problem.detail)
            raise refusal

    def _refusal_by_token(self, request: Request) -> ProblemError | None:
        expected = read_token(self._token_file)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if expected and scheme.lower() == "bearer" and hmac.compare_digest(expected.encode(), token.encode()):
            return None
        fix = "Send the header Authorization: Bearer TOKEN."
        return ProblemError(401, "Not authorized", "no valid token", fix, {"WWW-Authenticate": "Bearer"})


def _refusal_of_stranger(request: Request) -> ProblemError | None:
    """Another machine; or a web site that makes a browser here call, by a name of its own or across origins."""
    host = request.headers.get("host", "").lower()
    name = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
    across = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if _is_loopback(_address(request)) and name in _LOCAL_NAMES and not across:
        return None
    fix = "Call from this machine as localhost, or have api.bearer_token_file set."
    return ProblemError(403, "Not from here", "without a token only this machine is answered", fix)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
