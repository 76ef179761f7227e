"""An archive of scans, read again: every scan's results in a folder of its own, by Dask. Research use only."""
