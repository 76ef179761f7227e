#!/usr/bin/env bash
# Regenerates the committed stubs from the .proto files, in an environment of its own (its protobuf differs from ours).
set -euo pipefail
cd "$(dirname "$0")"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet "grpcio-tools==1.80.1" "mypy-protobuf==5.1.0"
PATH="$tools/bin:$PATH" "$tools/bin/python" -m grpc_tools.protoc --proto_path=src \
  --python_out=src --grpc_python_out=src --mypy_out=src --mypy_grpc_out=src src/hunet_protocol/v1/*.proto
