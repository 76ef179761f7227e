"""From one segmented series to the objects that go back to the PACS."""

from __future__ import annotations

from datetime import datetime

from hunet_client.report import build_report
from hunet_client.segmentation import Segmentation
from pydicom import Dataset

from pacs_gateway.results.equipment import stamp
from pacs_gateway.results.grid import check_same_grid
from pacs_gateway.results.measurement_report import report_object
from pacs_gateway.results.outlines import outline_objects
from pacs_gateway.results.pdf_object import pdf_object
from pacs_gateway.results.pdf_page import pdf_page
from pacs_gateway.results.segmentation_object import mask_object, probability_object
from pacs_gateway.results.source_headers import source_headers
from pacs_gateway.results.source_series import SourceSeries
from pacs_gateway.results.uids import result_uids
from pacs_gateway.results.wanted import WantedResults


def build_results(
    series: SourceSeries, segmentation: Segmentation, wanted: WantedResults, *, made_at: datetime
) -> list[Dataset]:
    """The objects for one series, complete with file meta information: save or send them as they are.

    The structured report comes last, after all that it refers to, and is always there. made_at: written into every
    object; with the same value a repeat is the same byte for byte. Raises InputError, naming the series, when the
    images are not those of the mask or lack what the standard asks for.
    """
    headers = source_headers(series)
    check_same_grid(series, segmentation)
    report, uids = build_report(segmentation), result_uids(series, segmentation)
    results: list[Dataset] = []
    mask = None
    if wanted.segmentation and report.lesion_count:
        mask = mask_object(series, headers, segmentation, report, uids)
        results.append(mask)
    if wanted.probability:
        compress = wanted.compress_probability
        results.append(probability_object(series, headers, segmentation, report, uids, compress=compress))
    if wanted.outlines:
        results += outline_objects(series, headers, segmentation, uids)
    if wanted.pdf:
        page = pdf_page(series.volume(), segmentation, report)
        results.append(pdf_object(page, series, headers, segmentation, uids))
    results.append(report_object(headers, segmentation, report, uids, mask))
    for result in results:
        stamp(result, headers[0], made_at)
    return results
