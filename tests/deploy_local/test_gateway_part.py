"""The gateway beside a local stack: what `hunet up` has it do."""

from __future__ import annotations

import pytest
from hunet_local.addresses import choose_addresses
from hunet_local.ae_titles import VISITOR_AE_TITLE
from hunet_local.gateway import configuration_file, gateway_part
from pacs_gateway.routing.configuration_file import read_configuration


@pytest.fixture
def configured(tmp_path):
    """`configured(dicom=..., archive=...)`: the gateway's configuration as the gateway reads it."""

    def configure(**peers):
        gateway_part(choose_addresses({}, usual=False), "unet", tmp_path, None, tmp_path / "gateway.log", **peers)
        return read_configuration(configuration_file(tmp_path))

    return configure


def test_without_a_pacs_there_is_the_web_page_alone(configured):
    configuration = configured(dicom=False, archive=False)
    assert not configuration.has_dicom_node
    assert configuration.processing.model == "unet"


def test_without_an_archive_studies_come_from_this_machine_and_go_nowhere(configured):
    configuration = configured(dicom=True, archive=False)
    assert VISITOR_AE_TITLE in {sender.ae_title for sender in configuration.senders}
    assert all(str(network) == "127.0.0.1/32" for sender in configuration.senders for network in sender.addresses)
    assert configuration.destinations == ()


def test_with_an_archive_results_go_back_there(configured):
    configuration = configured(dicom=True, archive=True)
    (archive,) = configuration.destinations
    assert archive.ae_title in {sender.ae_title for sender in configuration.senders}
