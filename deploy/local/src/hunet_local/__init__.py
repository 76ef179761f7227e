"""The serving system on one machine, without containers: a real Triton and the preprocessing service.

`stack` puts the parts together, `supervise` keeps them running, `guard` cleans up after a supervisor that was
killed. Research use only; not a medical device.
"""

__version__ = "0.1.0"
