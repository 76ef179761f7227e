"""What a caller may ask of each kind of scan."""

from __future__ import annotations

import pytest
from hunet_client.errors import UsageError
from hunet_client.open_scan import open_scan


def test_a_series_of_bytes_is_an_error_in_the_call():
    with pytest.raises(UsageError, match=r"study\.zip: is given as bytes.*leave series_uid out"):
        open_scan(b"PK", file_name="study.zip", series_uid="1.2.3")
