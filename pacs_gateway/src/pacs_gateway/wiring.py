"""The one place where the gateway's steps are named: who chooses the series, segments it, builds the results."""

from __future__ import annotations

from hunet_client.errors import UsageError

from pacs_gateway.jobs.steps import ProcessingSteps
from pacs_gateway.routing.configuration import Configuration


def processing_steps(configuration: Configuration) -> ProcessingSteps:
    """The steps that `hunet pacs serve` runs with. Raises UsageError where a part of them is not installed."""
    what = "this installation has no series selection and no result builder"
    raise UsageError("hunet pacs serve", what, "Install a release that holds them")
