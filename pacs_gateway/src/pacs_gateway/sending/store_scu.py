"""C-STORE of finished results (PS3.4 annex B)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.presentation import PresentationContext, build_context

from pacs_gateway.routing.configuration import DimseDestination
from pacs_gateway.sending.association import associate
from pacs_gateway.sending.errors import DeliveryRejectedError, DestinationUnavailableError

_PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_SUCCESS_AND_WARNINGS = frozenset({0x0000, 0xB000, 0xB006, 0xB007})
# Refused for want of resources (0xA7xx), and a processing failure: they may pass.
_PROCESSING_FAILURE = 0x0110
_OUT_OF_RESOURCES = 0xA7


def store(destination: DimseDestination, files: Sequence[Path], our_title: str) -> None:
    """Sends every file. What was sent already is sent again: its UIDs are the same, so it replaces itself.

    Raises DestinationUnavailableError, DeliveryRejectedError.
    """
    datasets = [dcmread(file) for file in files]
    with associate(destination, our_title, _contexts(datasets)) as association:
        for dataset in datasets:
            try:
                answer = association.send_c_store(dataset)
            except ValueError as error:
                what = f"does not take {dataset.SOPClassUID.name} in {dataset.file_meta.TransferSyntaxUID.name}"
                raise DeliveryRejectedError(destination.name, what, "Leave it out of destinations.outputs") from error
            except RuntimeError as error:
                raise _broken(destination) from error
            if "Status" not in answer:
                raise _broken(destination)
            _check(destination, dataset, answer.Status)


def _contexts(datasets: Sequence[Dataset]) -> list[PresentationContext]:
    """One for each SOP class and transfer syntax; plain ones may be sent in either byte layout."""
    offered = {}
    for dataset in datasets:
        syntax = dataset.file_meta.TransferSyntaxUID
        syntaxes = _PLAIN if syntax in _PLAIN else (syntax,)
        offered[dataset.SOPClassUID, syntaxes] = build_context(dataset.SOPClassUID, list(syntaxes))
    return list(offered.values())


def _check(destination: DimseDestination, dataset: Dataset, status: int) -> None:
    if status in _SUCCESS_AND_WARNINGS:
        return
    what = f"answers status 0x{status:04X} to {dataset.SOPClassUID.name}"
    if status >> 8 == _OUT_OF_RESOURCES or status == _PROCESSING_FAILURE:
        raise DestinationUnavailableError(destination.name, what, "Look at its log and its disk")
    raise DeliveryRejectedError(destination.name, what, "Look at its log")


def _broken(destination: DimseDestination) -> DestinationUnavailableError:
    what = "the association broke, or there was no answer in time"
    return DestinationUnavailableError(destination.name, what, "Look at its log")
