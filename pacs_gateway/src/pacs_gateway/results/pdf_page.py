"""The report on one page, for people: what was found, where, by what. It names no patient."""

from __future__ import annotations

import io

from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.overlay import Caption, headline, overlay_png
from hunet_client.report import Report
from hunet_client.segmentation import Segmentation
from hunet_client.slice_picture import display_window
from numpy.typing import NDArray
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Image, KeepInFrame, Paragraph, SimpleDocTemplate, Spacer, Table

from pacs_gateway.results.equipment import ascii_text

MARGIN = 16 * mm
PICTURE_HEIGHT = 105 * mm
LISTED_LESIONS = 15
_STYLES = getSampleStyleSheet()
_QUIET = ParagraphStyle("quiet", parent=_STYLES["Normal"], fontSize=8, leading=10, textColor=colors.HexColor("#444444"))
_NOTICE = ParagraphStyle("notice", parent=_STYLES["Normal"], textColor=colors.HexColor("#a04000"))


def pdf_page(volume: NDArray, segmentation: Segmentation, report: Report) -> bytes:
    """A PDF of one A4 page; the same result gives the same bytes. volume: (i, j, k), the scan, on the mask's grid."""
    model = report.provenance.model
    picture = overlay_png(
        volume,
        segmentation.lesions,
        affine=segmentation.affine,
        spacing_mm=segmentation.spacing_mm,
        slice_axis=segmentation.manifest.geometry.slice_axis,
        window=display_window(segmentation),
        caption=Caption("lesions outlined", f"{model.name} {model.version}"),
    )
    content: list[Flowable] = [
        Paragraph("MS lesions on FLAIR", _STYLES["Title"]),
        Paragraph(RESEARCH_USE_ONLY, _NOTICE),
        Spacer(0, 3 * mm),
        Paragraph(headline(segmentation.lesions), _STYLES["Heading2"]),
        *_lesions(report),
        Spacer(0, 3 * mm),
        Image(io.BytesIO(picture), A4[0] - 2 * MARGIN, PICTURE_HEIGHT, kind="proportional"),
        Spacer(0, 3 * mm),
        *(Paragraph(_escaped(line), _QUIET) for line in _small_print(report)),
    ]
    file = io.BytesIO()
    edges = {f"{side}Margin": MARGIN for side in ("left", "right", "top", "bottom")}
    document = SimpleDocTemplate(file, pagesize=A4, title="MS lesion report", invariant=1, **edges)
    # 6 pt on each side belong to the frame itself.
    width, height = A4[0] - 2 * MARGIN - 12, A4[1] - 2 * MARGIN - 12
    document.build([KeepInFrame(width, height, content, mode="shrink")])
    return file.getvalue()


def _lesions(report: Report) -> list[Flowable]:
    """The largest lesions; places in the scanner's words: to the Left, Posterior, Superior."""
    if not report.lesions:
        return []
    rows = [["lesion", "volume (ml)", "confidence", "right - left (mm)", "front - back (mm)", "foot - head (mm)"]]
    for lesion in report.lesions[:LISTED_LESIONS]:
        right_mm, anterior_mm, superior_mm = lesion.centroid_mm
        place = [f"{-right_mm:.1f}", f"{-anterior_mm:.1f}", f"{superior_mm:.1f}"]
        rows.append([str(lesion.index), f"{lesion.volume_ml:.3f}", f"{lesion.confidence:.2f}", *place])
    table = Table(rows, style=[("FONTSIZE", (0, 0), (-1, -1), 8), ("LINEBELOW", (0, 0), (-1, 0), 0.5, colors.grey)])
    left_out = report.lesion_count - LISTED_LESIONS
    return [table] if left_out <= 0 else [table, Paragraph(f"and {left_out} smaller lesions", _QUIET)]


def _small_print(report: Report) -> list[str]:
    model, post = report.provenance.model, report.provenance.postprocessing
    score = "not assessed" if report.quality.score is None else f"{report.quality.score:.2f} of 1"
    return [
        f"Scan quality: {score}",
        *(f"{flag.severity}: {flag.message}" for flag in report.quality_flags),
        f"Network: {model.name} {model.version}, weights SHA-256 {model.weights_sha256}",
        f"Threshold {post.threshold:g}, smallest lesion {post.min_lesion_ml:g} ml",
        "Software: " + ", ".join(f"{name} {number}" for name, number in sorted(report.provenance.software.items())),
    ]


def _escaped(words: str) -> str:
    """Paragraphs read markup, and the standard fonts hold no more than Latin letters."""
    return ascii_text(words).replace("&", "&amp;").replace("<", "&lt;")
