"""Load on a running serving system: what it bears, and what it does beyond that. Research use only.

Requests are sent when they are due, whether or not earlier ones have been answered: a server that slows down does not
slow its callers down, as in life. See docs/load_testing.md.
"""
