"""Have the scans changed, or what is found in them? Nothing here is about one scan."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from panels import Limits, board, figure, series


def _quantile_of_day(quantile: float, histogram: str) -> tuple[str, str]:
    buckets = f"sum by (le) (increase({histogram}_bucket[1d]))"
    return f"histogram_quantile({quantile}, {buckets})", f"p{quantile * 100:g}"


def drift() -> Dashboard:
    component = "hunet_preprocess_component_quality_score"
    return board(
        "drift",
        "drift",
        "now-30d",
        [
            figure(
                "Scans of low quality, 24 h",
                "Share of a day's scans with a score of 0.5 or less, where warnings begin.",
                "percentunit",
                "hunet:scans_of_low_quality:ratio1d",
                limits=Limits(warning=0.1, bad=0.2),
            ),
            figure(
                "Mean lesion load, 24 h",
                "Volume at a probability of 0.5 or more, mean over a day's readings. 1 ml is 1 cm3.",
                "ml",
                "hunet:lesion_load_ml:mean1d",
            ),
            figure(
                "Scans, 24 h",
                "Under 20 scans a day says little; the drift alerts are silent then.",
                "short",
                "hunet:scans:increase1d",
                limits=Limits(warning=20, bad=5),
            ),
            figure(
                "Scans refused, 24 h",
                "Share of a day's scans that could not be read or were no brain FLAIR.",
                "percentunit",
                'sum(increase(hunet_preprocess_call_seconds_count{call="preprocess",outcome="refused"}[1d]))'
                ' / (sum(increase(hunet_preprocess_call_seconds_count{call="preprocess",outcome=~"ok|refused|failed"}'
                "[1d])) > 0)",
                limits=Limits(warning=0.05, bad=0.2),
            ),
            series(
                "Quality of a day's scans",
                "Quantiles of the scan's score, that of its weakest component; 1 is as in ordinary FLAIR scans.",
                "percentunit",
                _quantile_of_day(0.1, "hunet_preprocess_scan_quality_score"),
                _quantile_of_day(0.5, "hunet_preprocess_scan_quality_score"),
                limits=Limits(warning=0.7, bad=0.5),
            ),
            series(
                "Quality by component",
                "Mean score over a day. It tells which side of quality has changed.",
                "percentunit",
                (
                    f"sum by (component) (increase({component}_sum[1d]))"
                    f" / (sum by (component) (increase({component}_count[1d])) > 0)",
                    "{{component}}",
                ),
                limits=Limits(warning=0.7, bad=0.5),
            ),
            series(
                "Quality flags",
                "Flags raised in a day, by code; docs/preprocessing.md says what each means.",
                "short",
                ("sum by (flag) (increase(hunet_preprocess_quality_flags_total[1d]))", "{{flag}}"),
            ),
            series(
                "Lesion load",
                "Mean over a day and over four weeks. An alert is raised at twice or half of the four weeks.",
                "ml",
                ("hunet:lesion_load_ml:mean1d", "day"),
                ("avg_over_time(hunet:lesion_load_ml:mean1d[28d])", "four weeks"),
            ),
            series(
                "Lesion load of a day's readings",
                "Quantiles: a shift of the median is drift, one of the tail alone may be a few patients.",
                "ml",
                _quantile_of_day(0.5, "hunet_preprocess_lesion_load_ml"),
                _quantile_of_day(0.9, "hunet_preprocess_lesion_load_ml"),
            ),
            series(
                "Slices of a scan",
                "Median over a day. It jumps when a site changes from thick slices to a 3D sequence.",
                "short",
                _quantile_of_day(0.5, "hunet_preprocess_scan_slices"),
            ),
        ],
    )
