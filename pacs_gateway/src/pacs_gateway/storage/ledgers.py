"""The ledger's pages in one database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import sqlalchemy as sa

from pacs_gateway.routing.configuration import Configuration
from pacs_gateway.storage.deliveries import DeliveryLedger
from pacs_gateway.storage.instances import InstanceLedger
from pacs_gateway.storage.revisions import RevisionLedger
from pacs_gateway.storage.schema import open_ledger
from pacs_gateway.storage.uploads import UploadLedger


@dataclass(frozen=True)
class Ledgers:
    engine: sa.Engine
    instances: InstanceLedger
    revisions: RevisionLedger
    deliveries: DeliveryLedger
    uploads: UploadLedger

    @classmethod
    def open(cls, configuration: Configuration) -> Self:
        """Makes the storage root and the tables where they are missing. Raises OSError, SQLAlchemyError."""
        configuration.storage.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = open_ledger(configuration.storage.root, configuration.jobs.database_url)
        return cls(engine, InstanceLedger(engine), RevisionLedger(engine), DeliveryLedger(engine), UploadLedger(engine))
