"""What the gateway does: studies and uploads, steps, deliveries, who is turned away."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from panels import Limits, board, figure, series

_UNDER_WAY = 'state!~"done|failed"'


def _step_quantile(quantile: float) -> tuple[str, str]:
    buckets = 'sum by (step, le) (rate(hunet_gateway_step_seconds_bucket{outcome="done"}[$__rate_interval]))'
    return f"histogram_quantile({quantile}, {buckets})", "{{step}}"


def pacs() -> Dashboard:
    return board(
        "pacs",
        "PACS gateway",
        "now-24h",
        [
            figure(
                "Under way",
                "Studies and uploads that have come and have not ended.",
                "short",
                f"sum by (kind) (hunet_gateway_jobs{{{_UNDER_WAY}}})",
                "{{kind}}",
                limits=Limits(warning=20, bad=60),
            ),
            figure(
                "Failed",
                "Ended without results; `hunet pacs jobs --state failed` says why.",
                "short",
                'sum by (kind) (hunet_gateway_jobs{state="failed"})',
                "{{kind}}",
                limits=Limits(warning=1, bad=10),
            ),
            figure(
                "Deliveries waiting",
                "Results that a destination has not accepted yet.",
                "short",
                "sum(hunet_gateway_deliveries_waiting)",
                limits=Limits(warning=10, bad=50),
            ),
            figure(
                "Free space",
                "Where studies are stored; a full disk refuses studies.",
                "bytes",
                "min(hunet_gateway_storage_free_bytes)",
                limits=Limits(warning=50e9, bad=10e9),
            ),
            series(
                "Jobs by state",
                "A state that only grows is where work stands still.",
                "short",
                (f"sum by (kind, state) (hunet_gateway_jobs{{{_UNDER_WAY}}})", "{{kind}} {{state}}"),
            ),
            series(
                "Steps",
                "Attempts a second, by step and how they ended; failed ones are tried again where that may help.",
                "reqps",
                (
                    "sum by (step, outcome) (rate(hunet_gateway_step_seconds_count[$__rate_interval]))",
                    "{{step}} {{outcome}}",
                ),
            ),
            series(
                "Slowest twentieth of steps",
                "95th percentile of attempts that succeeded.",
                "s",
                _step_quantile(0.95),
                limits=Limits(warning=30, bad=120),
            ),
            series(
                "Associations",
                "DICOM associations by outcome; the configuration does not know those that are rejected.",
                "reqps",
                ("sum by (outcome) (rate(hunet_gateway_associations_total[$__rate_interval]))", "{{outcome}}"),
            ),
            series(
                "Instances",
                "Instances received by outcome.",
                "reqps",
                ("sum by (outcome) (rate(hunet_gateway_instances_total[$__rate_interval]))", "{{outcome}}"),
            ),
            series(
                "Memory",
                "Resident memory of the gateway.",
                "bytes",
                ('process_resident_memory_bytes{job="gateway"}', "{{instance}}"),
            ),
        ],
    )
