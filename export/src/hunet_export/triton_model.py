"""The model that Triton's Python backend runs. `hunet export` puts this file into the version directory."""

import gc
from typing import Any

from hunet_export import triton_backend


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        self.network = triton_backend.load(args)

    def execute(self, requests: list[Any]) -> list[Any]:
        return triton_backend.answer(self.network, requests)

    def finalize(self) -> None:
        del self.network
        # Else the ending interpreter looks through all of torch's objects for garbage, for a second or two.
        gc.freeze()
