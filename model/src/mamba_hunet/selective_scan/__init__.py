"""Selective scan, over sequences and over images: the operators, readable references, and the compiled library."""

from mamba_hunet.selective_scan.library import library_path
from mamba_hunet.selective_scan.operator import selective_scan
from mamba_hunet.selective_scan.operator_2d import selective_scan_2d
from mamba_hunet.selective_scan.reference import selective_scan_ref
from mamba_hunet.selective_scan.reference_2d import selective_scan_2d_ref

__all__ = ["library_path", "selective_scan", "selective_scan_2d", "selective_scan_2d_ref", "selective_scan_ref"]
