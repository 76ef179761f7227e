#!/usr/bin/env bash
# The long forms of the fault tests, and what they counted in docs/results/faults.md. An hour or more.
set -euo pipefail
cd "$(dirname "$0")/../.."
report=docs/results/faults.md
{
  echo "# Fault tests, long form"
  echo
  echo "$(date -u '+%F %R UTC'), commit $(git rev-parse --short HEAD), $(nproc) CPUs. By \`make faults\`. Research use only."
  echo
  echo '```'
  # File by file: of a folder and a file in it, pytest takes the folder alone.
  .venv/bin/python -m pytest -n0 -s -v tests/faults/test_*.py tests/faults/repeated_kills.py tests/faults/provoked_alerts.py
  tests/pacs_gateway/faults.sh -v
  echo '```'
} | tee "$report.part"
mv "$report.part" "$report"
