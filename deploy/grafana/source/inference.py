"""What Triton does: load, time, batches, failures."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from panels import Limits, board, figure, series

_MODEL = '{model=~"$model"}'
# Where two releases stand side by side, each has a line of its own.
_NAME = "{{release}} {{model}}"


def _mean_part(part: str) -> tuple[str, str]:
    """Mean seconds of a request in one of the parts that Triton measures."""
    spent = f"sum by (release, model) (rate(nv_inference_{part}_duration_us{_MODEL}[$__rate_interval]))"
    answered = f"sum by (release, model) (rate(nv_inference_request_success{_MODEL}[$__rate_interval]))"
    return f"{spent} / 1e6 / ({answered} > 0)", f"{_NAME} {part.replace('_', ' ')}"


def _worst_quantile(quantile: float) -> tuple[str, str]:
    labels = f'{{model=~"$model",quantile="{quantile}"}}'
    return (
        f"max by (release, model) (nv_inference_request_summary_us{labels}) / 1e6",
        f"{{{{release}}}} {{{{model}}}} p{quantile * 100:g}",
    )


def inference() -> Dashboard:
    return board(
        "inference",
        "inference",
        "now-6h",
        [
            figure(
                "Slices a second",
                "Slices that were computed; compare with the measured capacity in docs/scaling.md.",
                "short",
                f"sum(model:triton_slices:rate5m{_MODEL})",
            ),
            figure(
                "Waiting requests",
                "The fullest queue. At 64 requests of one priority Triton refuses further ones.",
                "short",
                f"max(nv_inference_pending_request_count{_MODEL})",
                limits=Limits(warning=32, bad=48),
            ),
            figure(
                "Failures",
                "Share of requests that waited past their time, or were in a batch that failed.",
                "percentunit",
                f"sum(model:triton_failures:rate5m{_MODEL})"
                f" / (sum(model:triton_failures:rate5m{_MODEL}) + sum(model:triton_requests:rate5m{_MODEL}) > 0)",
                limits=Limits(warning=0.001, bad=0.01),
            ),
            figure(
                "Mean batch",
                "Slices that are computed together. Near 16 the batcher is full, near 4 there is room.",
                "short",
                f"model:triton_batch_slices:mean5m{_MODEL}",
                "{{model}}",
            ),
            series(
                "Requests",
                "Answered requests, by model.",
                "reqps",
                (
                    f"sum by (release, model) (rate(nv_inference_request_success{_MODEL}[$__rate_interval]))",
                    "{{release}} {{model}}",
                ),
            ),
            series(
                "Failed requests",
                "By Triton's reason: CANCELED is the client's doing. A full queue is not counted by Triton 2.51.",
                "reqps",
                (
                    f"sum by (release, model, reason) (rate(nv_inference_request_failure{_MODEL}[$__rate_interval]))",
                    f"{_NAME} {{{{reason}}}}",
                ),
                limits=Limits(warning=0.01, bad=0.1),
            ),
            series(
                "Parts of a request's time",
                "Means: waiting in the queue, taking the input over, the network, giving the output back.",
                "s",
                *map(_mean_part, ("queue", "compute_input", "compute_infer", "compute_output")),
            ),
            series(
                "Time of a request, worst server",
                "Quantiles that each Triton computes for itself; they cannot be averaged, so the largest is shown.",
                "s",
                _worst_quantile(0.5),
                _worst_quantile(0.95),
                _worst_quantile(0.99),
                limits=Limits(warning=10, bad=30),
            ),
            series(
                "Slices and batches",
                "Slices and executions a second; their ratio is the mean batch.",
                "short",
                (
                    f"sum by (release, model) (rate(nv_inference_count{_MODEL}[$__rate_interval]))",
                    f"{_NAME} slices",
                ),
                (
                    f"sum by (release, model) (rate(nv_inference_exec_count{_MODEL}[$__rate_interval]))",
                    f"{_NAME} batches",
                ),
            ),
            series(
                "Waiting requests, by server",
                "Uneven queues mean that clients do not spread their requests.",
                "short",
                (f"nv_inference_pending_request_count{_MODEL}", "{{model}} {{instance}}"),
                limits=Limits(warning=32, bad=48),
            ),
            series(
                "Processor",
                "Share of its machine's processor time that is in use, by whatever program.",
                "percentunit",
                ("nv_cpu_utilization", "{{instance}}"),
                limits=Limits(warning=0.9, bad=0.98),
            ),
            series(
                "Weights",
                "Servers by the weights that they serve, as the beginning of their SHA-256; reports carry it whole.",
                "short",
                (f"count by (model, weights) (hunet_model_build_info{_MODEL})", "{{model}} {{weights}}"),
            ),
        ],
    )
