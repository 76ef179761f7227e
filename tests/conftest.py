"""Settings of every test."""

from hypothesis import Phase, settings

# Without the explain phase, which traces each line and takes gigabytes on array code; and without deadlines, since other
# tests run on the same cores.
settings.register_profile("arrays", deadline=None, phases=[p for p in Phase if p is not Phase.explain])
settings.load_profile("arrays")
