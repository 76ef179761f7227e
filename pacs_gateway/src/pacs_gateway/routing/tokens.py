"""Bearer tokens, each in a file of its own: as Docker, Kubernetes and systemd hand out secrets."""

from __future__ import annotations

import logging
from pathlib import Path

from hunet_client.errors import UsageError

from pacs_gateway.routing.configuration import Configuration, DicomWebDestination

_LOG = logging.getLogger(__name__)


def read_token(file: Path | None) -> str:
    """The token in a file, read anew each time so that it can be exchanged; empty, which opens nothing, without one."""
    if file is None:
        return ""
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        _LOG.error("token file %s cannot be read: %s", file, type(error).__name__)
        return ""


def check_tokens(configuration: Configuration) -> None:
    """Raises UsageError for a file that is named and holds no token."""
    to_web = (one for one in configuration.destinations if isinstance(one, DicomWebDestination))
    senders = (sender.bearer_token_file for sender in configuration.senders)
    for file in (configuration.api.bearer_token_file, *senders, *(one.bearer_token_file for one in to_web)):
        if file is not None and not read_token(file):
            raise UsageError(str(file), "holds no token that can be read", "Write one into it: openssl rand -hex 24")
