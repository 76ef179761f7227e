#!/usr/bin/env bash
# The long forms of the fault tests, and what they measured in docs/results/faults.md.
set -uo pipefail
cd "$(dirname "$0")/../.."
status=0
# File by file: of a folder and a file in it, pytest takes the folder alone.
.venv/bin/python -m pytest -n0 -v --junitxml=out/faults/serving.xml \
  tests/faults/test_*.py tests/faults/queue_figures.py tests/faults/repeated_kills.py tests/faults/provoked_alerts.py || status=1
tests/pacs_gateway/faults.sh -v --junitxml=out/faults/gateway.xml || status=1
.venv/bin/python tests/faults/write_report.py out/faults/serving.xml out/faults/gateway.xml > docs/results/faults.md || status=1
exit $status
