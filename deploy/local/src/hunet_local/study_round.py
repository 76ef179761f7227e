"""A study's way round: into the archive, to the gateway, and its results back into the archive."""

from __future__ import annotations

import time
from pathlib import Path

import click
from hunet_client.errors import HunetError, ServiceUnavailableError, UsageError
from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.stack_state import StackState, stack_state_path
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, track
from rich.table import Table

from hunet_local.orthanc_client import ArchivedSeries, OrthancClient

# Results by modality: segmentation, where there are lesions; measurements; the report as a document.
_FILES = {"SEG": "segmentation.dcm", "SR": "report.dcm", "DOC": "report_document.dcm"}
_ALWAYS_MADE = ("SR", "DOC", "OT")
_POLL_S = 0.5


def send_study_round(folder: Path, output: Path, timeout_s: float) -> None:
    """Sends every DICOM file below a folder, waits for the results, and writes them.

    Raises:
        ServiceUnavailableError: no stack with an archive runs, or the results do not come in time.
        UsageError: the folder holds no DICOM file, or files of several studies.
    """
    state = StackState.read()
    if state is None or state.archive_http_address is None:
        fix = "Install orthanc and orthanc-dicomweb, and start one with `hunet up --pacs`."
        raise ServiceUnavailableError(str(stack_state_path()), "no stack with an archive is running", fix)
    archive = OrthancClient(state.archive_http_address)
    study = _store(archive, folder)
    results = _wait(archive, study, timeout_s)
    _write(archive, results, output)
    _print(archive.series(study), state.archive_http_address, study, output)


def _store(archive: OrthancClient, folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    console = Console(stderr=True)
    stored = track(files, "storing", console=console, disable=not console.is_terminal)
    studies = {archive.store(path) for path in stored} - {None}
    if len(studies) != 1:
        raise UsageError(str(folder), f"holds files of {len(studies)} DICOM studies", "Give a folder of one study.")
    (study,) = studies
    assert study is not None
    return study


def _wait(archive: OrthancClient, study: str, timeout_s: float) -> dict[str, ArchivedSeries]:
    give_up_at = time.monotonic() + timeout_s
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("waiting for results")
        while True:
            series = {one.modality: one for one in archive.series(study)}
            missing = [modality for modality in _ALWAYS_MADE if modality not in series]
            if not missing and archive.is_stable(study):
                return series
            waited_for = ", ".join(missing) or "the last results"
            progress.update(task, description=f"waiting for {waited_for}")
            if time.monotonic() > give_up_at:
                what = f"{waited_for} did not come within {timeout_s:g} s"
                raise ServiceUnavailableError("the gateway", what, "See `hunet status` and the stack's logs.")
            time.sleep(_POLL_S)


def _write(archive: OrthancClient, results: dict[str, ArchivedSeries], output: Path) -> None:
    """Results as files; of the outlines, the middle one as a picture."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        for modality, name in _FILES.items():
            if modality in results:
                (output / name).write_bytes(archive.file(results[modality].instances[0]))
        outlines = results["OT"].instances
        (output / "outlines.png").write_bytes(archive.picture(outlines[len(outlines) // 2]))
    except OSError as exc:
        raise HunetError(str(output), f"cannot be written: {exc.strerror}", "Choose another with -o.") from exc


def _print(series: list[ArchivedSeries], address: str, study: str, output: Path) -> None:
    table = Table("modality", "description", "instances", title="The study in Orthanc", caption=RESEARCH_USE_ONLY)
    for one in series:
        table.add_row(one.modality, one.description, str(len(one.instances)))
    Console().print(table)
    click.echo(f"in Orthanc: http://{address}/app/explorer.html#study?uuid={study}")
    click.echo(f"files:      {output}; look first at {output / 'outlines.png'}")
