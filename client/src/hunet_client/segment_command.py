"""`hunet segment`."""

from __future__ import annotations

import click


@click.command(short_help="Segment the lesions of one or several scans.")
def segment() -> None:
    """Segment the lesions of one or several scans."""
    raise NotImplementedError
