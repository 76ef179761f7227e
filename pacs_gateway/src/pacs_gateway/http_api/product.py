"""What runs here, and within which limits."""

from __future__ import annotations

from importlib.metadata import version

from hunet_client.notice import RESEARCH_USE_ONLY
from pydantic import BaseModel

from pacs_gateway.routing.configuration import Configuration


class Limits(BaseModel):
    max_upload_mb: int


class Product(BaseModel):
    product: str = "Mamba-HUNet serving"
    version: str = version("hunet-pacs-gateway")
    research_use_only: str = RESEARCH_USE_ONLY
    limits: Limits
    default_threshold: float
    model: str


def product_of(configuration: Configuration) -> Product:
    """By the gateway's configuration."""
    return Product(
        limits=Limits(max_upload_mb=configuration.api.max_upload_mb),
        default_threshold=configuration.processing.threshold,
        model=configuration.processing.model,
    )
