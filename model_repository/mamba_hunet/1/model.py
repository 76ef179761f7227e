"""The model that Triton's Python backend runs. `hunet export` puts this file into the version directory."""

from typing import Any

from hunet_export import triton_backend


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        self.network = triton_backend.load(args)

    def execute(self, requests: list[Any]) -> list[Any]:
        return triton_backend.answer(self.network, requests)

    def finalize(self) -> None:
        del self.network
