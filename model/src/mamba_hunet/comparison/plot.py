"""A comparison as a picture: for each figure a panel, for each network its patients, their mean and its interval."""

import io
from collections.abc import Mapping
from textwrap import fill

from hunet_client.notice import RESEARCH_USE_ONLY
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from mamba_hunet.comparison.networks import Figure, Level
from mamba_hunet.comparison.statistics import RATER2, Comparison

_PANELS_ACROSS = 3
_DOTS_PER_INCH = 130
# Okabe-Ito colours, told apart by every kind of colour vision; shapes tell the rest of many patients apart.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999933")
_SHAPES = ("o", "s", "^", "D", "v", "P", "X")
_MEAN_COLOUR = "#202428"


def comparison_plot(comparison: Comparison) -> bytes:
    """A PNG; networks from top to bottom in the order of the comparison, the second rater last."""
    names = [network.name for network in comparison.networks]
    if comparison.rater2:
        names.append(RATER2)
    down = -(-len(comparison.figures) // _PANELS_ACROSS)
    panel_height = 1.1 + 0.42 * len(names)
    height = down * panel_height + 1.1
    canvas = Canvas((13.0, height), dpi=_DOTS_PER_INCH, facecolor="white")
    panels = canvas.subplots(down, _PANELS_ACROSS, sharey=True, squeeze=False).ravel()
    styles = {
        patient: (_COLOURS[number % len(_COLOURS)], _SHAPES[number // len(_COLOURS) % len(_SHAPES)])
        for number, patient in enumerate(comparison.patients)
    }
    for panel, figure in zip(panels, comparison.figures, strict=True):
        _draw(panel, comparison, figure, styles)
        panel.set_ylim(len(names) - 0.4, -0.6)
        panel.set_yticks(range(len(names)), names)
    _write_words(canvas, comparison, styles, height)
    file = io.BytesIO()
    canvas.savefig(file, format="png", metadata={"Description": RESEARCH_USE_ONLY})
    return file.getvalue()


def _draw(panel: Axes, comparison: Comparison, figure: Figure, styles: Mapping[str, tuple[str, str]]) -> None:
    direction = "higher" if figure.higher_is_better else "lower"
    panel.set_title(f"{figure.title}  ({direction} is better)", fontsize=10, loc="left")
    panel.grid(axis="x", color="#e4e6ea", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(length=0, labelsize=9)
    panel.ticklabel_format(axis="x", useOffset=False)
    for row, network in enumerate(comparison.networks):
        _draw_patients(panel, network.by_patient[figure.name], row, styles)
        mean = network.means.get(figure.name)
        if mean:
            if mean.low is not None and mean.high is not None:
                panel.plot([mean.low, mean.high], [row - 0.16] * 2, color=_MEAN_COLOUR, linewidth=1.6, zorder=3)
            panel.plot([mean.mean], [row - 0.16], "o", color=_MEAN_COLOUR, markersize=6.5, zorder=4)
    if comparison.rater2:
        _draw_patients(panel, comparison.rater2.by_patient[figure.name], len(comparison.networks), styles)


def _draw_patients(panel: Axes, values: Mapping[str, float], row: int, styles: Mapping[str, tuple[str, str]]) -> None:
    """Points a little below their row's line, where the mean does not hide them."""
    for patient, value in values.items():
        colour, shape = styles[patient]
        panel.plot([value], [row + 0.16], shape, color=colour, markersize=5.5, alpha=0.85, markeredgewidth=0)


def _write_words(canvas: Canvas, comparison: Comparison, styles: Mapping[str, tuple[str, str]], height: float) -> None:
    level = {Level.VOLUME: "by patient volume", Level.SLICE: "means over the slices with lesion"}[comparison.level]
    count = len(comparison.networks)
    networks = f"{count} networks on the same" if count > 1 else f"{comparison.baseline} on"
    title = f"{networks} {len(comparison.patients)} patients, {level}"
    canvas.suptitle(title, x=0.01, y=1 - 0.12 / height, ha="left", va="top", fontsize=13)
    canvas.tight_layout(rect=(0, 0.85 / height, 1, 1 - 0.3 / height), w_pad=1.5)
    points = [
        Line2D([], [], linestyle="", marker=shape, color=colour, markeredgewidth=0, label=patient)
        for patient, (colour, shape) in styles.items()
    ]
    points.append(Line2D([], [], marker="o", color=_MEAN_COLOUR, label="mean and 95% interval"))
    legend_place = (0.005, 0.5 / height)
    canvas.legend(handles=points, loc="lower left", bbox_to_anchor=legend_place, ncols=9, frameon=False, fontsize=9)
    words = f"{fill(comparison.meaning, 190)}\n{RESEARCH_USE_ONLY}"
    canvas.text(0.01, 0.08 / height, words, va="bottom", fontsize=7.5, color="#5a6068")
