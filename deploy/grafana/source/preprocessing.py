"""What the preprocessing service does: calls, stages, room, refusals."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from panels import Limits, board, figure, series


def _stage_mean() -> tuple[str, str]:
    spent = "sum by (stage) (rate(hunet_preprocess_stage_seconds_sum[$__rate_interval]))"
    calls = "sum by (stage) (rate(hunet_preprocess_stage_seconds_count[$__rate_interval]))"
    return f"{spent} / ({calls} > 0)", "{{stage}}"


def _stage_quantile(quantile: float) -> tuple[str, str]:
    buckets = "sum by (stage, le) (rate(hunet_preprocess_stage_seconds_bucket[$__rate_interval]))"
    return f"histogram_quantile({quantile}, {buckets})", "{{stage}}"


def preprocessing() -> Dashboard:
    return board(
        "preprocessing",
        "preprocessing",
        "now-6h",
        [
            figure(
                "Places taken",
                "Share of the places for scans and for restores that are in use.",
                "percentunit",
                "sum by (call) (hunet_preprocess_calls_in_flight) / sum by (call) (hunet_preprocess_places)",
                "{{call}}",
                limits=Limits(warning=0.8, bad=1),
            ),
            figure(
                "Waiting for a place",
                "At the fullest copy: a line of 16 for urgent scans and one for others; further ones are sent away.",
                "short",
                "max by (call) (hunet_preprocess_calls_waiting)",
                "{{call}}",
                limits=Limits(warning=1, bad=12),
            ),
            figure(
                "Failed calls, 24 h",
                "Unexpected errors of the service itself; each has a trace in the log.",
                "short",
                'sum(increase(hunet_preprocess_call_seconds_count{outcome="failed"}[1d]))',
                limits=Limits(warning=1, bad=10),
            ),
            figure(
                "Builds",
                "Versions that answer. More than one for long means that a roll-out has stopped half-way.",
                "short",
                "count(count by (hunet_preprocess_service) (hunet_preprocess_build_info))",
            ),
            series(
                "Preprocess calls",
                "By how they ended.",
                "reqps",
                (
                    'sum by (outcome) (rate(hunet_preprocess_call_seconds_count{call="preprocess"}[$__rate_interval]))',
                    "{{outcome}}",
                ),
            ),
            series(
                "Restore calls",
                "By how they ended.",
                "reqps",
                (
                    'sum by (outcome) (rate(hunet_preprocess_call_seconds_count{call="restore"}[$__rate_interval]))',
                    "{{outcome}}",
                ),
            ),
            series(
                "Mean time in a stage",
                "receive and stream wait for the client, wait is for a place, the others compute.",
                "s",
                _stage_mean(),
            ),
            series(
                "Slowest twentieth of calls, by stage",
                "95th percentile over all copies.",
                "s",
                _stage_quantile(0.95),
                limits=Limits(warning=10, bad=60),
            ),
            series(
                "Refusals",
                "Calls turned away by reason code; docs/preprocessing.md says what each means.",
                "reqps",
                ("sum by (reason) (rate(hunet_preprocess_rejections_total[$__rate_interval]))", "{{reason}}"),
            ),
            series(
                "In work",
                "Calls in work on each copy, and its places.",
                "short",
                ("hunet_preprocess_calls_in_flight", "{{call}} {{instance}}"),
                ("hunet_preprocess_places", "{{call}} places {{instance}}"),
            ),
            series(
                "Processor",
                "Cores that each copy uses.",
                "short",
                ('rate(process_cpu_seconds_total{job="preprocess"}[$__rate_interval])', "{{instance}}"),
            ),
            series(
                "Memory",
                "Resident memory; a copy needs about five times the largest volume for each scan in work.",
                "bytes",
                ('process_resident_memory_bytes{job="preprocess"}', "{{instance}}"),
            ),
            series(
                "Open files",
                "Share of the files and connections that a copy may open.",
                "percentunit",
                ('process_open_fds{job="preprocess"} / process_max_fds{job="preprocess"}', "{{instance}}"),
                limits=Limits(warning=0.5, bad=0.8),
            ),
        ],
    )
