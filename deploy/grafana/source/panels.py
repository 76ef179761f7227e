"""The two kinds of panel that the dashboards are made of, and the dashboard around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Panel,
    Threshold,
    ThresholdsMode,
    VariableOption,
)

DATASOURCE = DataSourceRef(type_val="prometheus", uid="$datasource")
NOTICE = "Research use only. Not a medical device; not for diagnosis or treatment."
# Grafana's grid has 24 columns.
_SERIES_SPAN, _FIGURE_SPAN = 12, 6


@dataclass(frozen=True)
class Limits:
    """Where a value stops being good. `bad` below `warning` means that low values are the bad ones."""

    warning: float
    bad: float

    def steps(self) -> list[Threshold]:
        if self.bad > self.warning:
            rest = ((self.warning, "orange"), (self.bad, "red"))
            return [Threshold(value=None, color="green"), *(Threshold(value=v, color=c) for v, c in rest)]
        rest = ((self.bad, "orange"), (self.warning, "green"))
        return [Threshold(value=None, color="red"), *(Threshold(value=v, color=c) for v, c in rest)]


def _thresholds(limits: Limits | None) -> builders.ThresholdsConfig:
    steps = limits.steps() if limits else [Threshold(value=None, color="green")]
    return builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def series(
    title: str, description: str, unit: str, *queries: tuple[str, str], limits: Limits | None = None
) -> timeseries.Panel:
    """Lines over time. queries: expression and legend; unit: Grafana's name of it."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .min(0)
        .span(_SERIES_SPAN)
        .height(8)
        .fill_opacity(10)
        .thresholds(_thresholds(limits))
        .thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(
                common.GraphTresholdsStyleMode.DASHED if limits else common.GraphTresholdsStyleMode.OFF
            )
        )
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
    for letter, (expression, legend) in zip("ABCDEF", queries, strict=False):
        panel = panel.with_target(prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(letter))
    return panel


def figure(
    title: str, description: str, unit: str, expression: str, legend: str = "", *, limits: Limits | None = None
) -> stat.Panel:
    """One value as it stands now."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .span(_FIGURE_SPAN)
        .height(4)
        .thresholds(_thresholds(limits))
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(prometheus.Dataquery().expr(expression).legend_format(legend).ref_id("A").instant())
    )


def board(uid: str, title: str, since: str, panels: Sequence[Builder[Panel]]) -> builders.Dashboard:
    """A dashboard with the variables `datasource` and `model`. since: such as `now-6h`."""
    everything = VariableOption(text="All", value="$__all", selected=True)
    dashboard = (
        builders.Dashboard(f"Mamba-HUNet: {title}")
        .uid(f"hunet-{uid}")
        .description(NOTICE)
        .tags(["hunet"])
        .readonly()
        .time(since, "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(builders.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(
            builders.QueryVariable("model")
            .label("Model")
            .datasource(DATASOURCE)
            .query("label_values(nv_inference_request_success, model)")
            .multi(True)
            .include_all(True)
            .all_value(".+")
            .current(everything)
        )
    )
    for panel in panels:
        dashboard = dashboard.with_panel(panel)
    return dashboard
