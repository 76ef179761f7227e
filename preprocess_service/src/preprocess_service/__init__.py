"""Turns a brain scan into network slices and predictions back into a volume. Research use only."""
