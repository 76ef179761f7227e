"""Where weights and the model repository lie: `$HUNET_HOME`, or the checkout around the current folder."""

from __future__ import annotations

import os
from pathlib import Path

from hunet_client.errors import UsageError

MODEL_REPOSITORY = "model_repository"
WEIGHTS = "weights"


def find_home() -> Path:
    """The nearest folder, from the current one upwards, that holds `model_repository/`; `$HUNET_HOME` wins.

    Raises UsageError where there is none.
    """
    named = os.environ.get("HUNET_HOME")
    here = Path.cwd()
    for folder in [Path(named)] if named else [here, *here.parents]:
        if (folder / MODEL_REPOSITORY).is_dir():
            return folder.resolve()
    raise UsageError(
        named or str(here),
        f"holds no {MODEL_REPOSITORY}/" + ("" if named else ", nor does any folder above it"),
        "Run the command inside the checkout, or set HUNET_HOME to it.",
    )
