#!/usr/bin/env bash
# The long forms of the gateway's fault tests: ten kills at each state, 1,000 associations and 10,000 connections,
# 10,000 mutations. `make test` runs the short ones.
set -euo pipefail
cd "$(dirname "$0")/../.."
export HUNET_KILLS_PER_STATE=10 HUNET_ASSOCIATIONS=1000 HUNET_CONNECTIONS=10000 HUNET_MUTATIONS=10000
.venv/bin/python -m pytest -n0 tests/pacs_gateway/test_kill.py tests/pacs_gateway/test_endurance.py \
  tests/pacs_gateway/test_hostile_bytes.py "$@"
