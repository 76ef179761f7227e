"""Training: settings, the resumable state, and the loop."""
