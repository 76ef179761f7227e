"""Networks side by side, on the same cases."""

from mamba_hunet.comparison.networks import FIGURES, Figure, Level, NetworkResults, group_networks
from mamba_hunet.comparison.statistics import Comparison, Difference, Interval, compare_networks

__all__ = [
    "FIGURES",
    "Comparison",
    "Difference",
    "Figure",
    "Interval",
    "Level",
    "NetworkResults",
    "compare_networks",
    "group_networks",
]
