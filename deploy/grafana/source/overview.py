"""Is the system doing its work? The first dashboard to look at."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from panels import Limits, board, figure, series

_READINGS = 'rate(hunet_preprocess_call_seconds_bucket{call="restore",outcome="ok"}[$__rate_interval])'


def _reading_quantile(quantile: float) -> tuple[str, str]:
    return f"histogram_quantile({quantile}, sum by (le) ({_READINGS}))", f"p{quantile * 100:g}"


def overview() -> Dashboard:
    return board(
        "overview",
        "overview",
        "now-6h",
        [
            figure(
                "Readings in time, 30 min",
                "Share of readings that were done within 60 s. The service level is 99%.",
                "percentunit",
                "1 - hunet:readings_missed:ratio30m",
                limits=Limits(warning=0.99, bad=0.9),
            ),
            figure(
                "Parts that answer",
                "Share of the known servers whose metrics Prometheus could read at its last try.",
                "percentunit",
                'avg by (job) (up{job=~"triton|preprocess"})',
                "{{job}}",
                limits=Limits(warning=1, bad=0.99),
            ),
            figure(
                "Alerts firing",
                "Pages and tickets that are open now; docs/operations.md has a runbook for each.",
                "short",
                'count(ALERTS{alertstate="firing",alertname=~"Hunet.+"}) or vector(0)',
                limits=Limits(warning=1, bad=3),
            ),
            figure(
                "Scans, 24 h",
                "Scans prepared within a day, each once, in however many planes it is read.",
                "short",
                "hunet:scans:increase1d",
            ),
            series(
                "Readings",
                "Readings that ended, and those of them within 60 s. The gap is what the service level loses.",
                "reqps",
                ("hunet:readings:rate5m", "ended"),
                ("hunet:readings_in_time:rate5m", "within 60 s"),
            ),
            series(
                "Time of a reading",
                "From a scan's manifest until its volume was sent, all replicas together.",
                "s",
                _reading_quantile(0.5),
                _reading_quantile(0.95),
                _reading_quantile(0.99),
                limits=Limits(warning=30, bad=60),
            ),
            series(
                "Where a request's time goes",
                "Mean time of a request in Triton's queue and in the network.",
                "s",
                ('model:triton_queue_seconds:mean5m{model=~"$model"}', "{{model}} queue"),
                ('model:triton_compute_seconds:mean5m{model=~"$model"}', "{{model}} network"),
                limits=Limits(warning=5, bad=30),
            ),
            series(
                "How calls end",
                "Refused and cancelled calls are the client's doing; busy, timed out and failed ones are trouble here.",
                "reqps",
                (
                    "sum by (call, outcome) (rate(hunet_preprocess_call_seconds_count[$__rate_interval]))",
                    "{{call}} {{outcome}}",
                ),
            ),
            series(
                "Work that waits",
                "At the fullest server: in Triton's queue (64 of a priority at most), before preprocessing (16).",
                "short",
                ('max by (model) (nv_inference_pending_request_count{model=~"$model"})', "Triton {{model}}"),
                ("max by (call) (hunet_preprocess_calls_waiting)", "{{call}}"),
                limits=Limits(warning=16, bad=48),
            ),
            series(
                "Memory",
                "Resident memory of preprocessing, and all that is in use on Triton's machine.",
                "bytes",
                ('process_resident_memory_bytes{job="preprocess"}', "preprocessing {{instance}}"),
                ("nv_cpu_memory_used_bytes", "Triton's machine {{instance}}"),
            ),
        ],
    )
