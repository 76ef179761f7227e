"""Selective scan: the operator, a readable reference, and where the compiled library lies."""

from mamba_hunet.selective_scan.library import library_path
from mamba_hunet.selective_scan.operator import selective_scan
from mamba_hunet.selective_scan.reference import selective_scan_ref

__all__ = ["library_path", "selective_scan", "selective_scan_ref"]
