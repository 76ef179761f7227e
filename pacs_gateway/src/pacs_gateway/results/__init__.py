"""What goes back to the PACS for one segmented series: SEG, SR, secondary captures and PDF. Research use only.

    from pacs_gateway.results import SourceSeries, WantedResults, build_results

    objects = build_results(SourceSeries(datasets), segmentation, WantedResults(), made_at=datetime.now(UTC))

`build` is the one entry; each kind of object has a module of its own.
"""

from pacs_gateway.results.build import build_results
from pacs_gateway.results.source_series import SourceSeries
from pacs_gateway.results.wanted import WantedResults

__all__ = ["SourceSeries", "WantedResults", "build_results"]
