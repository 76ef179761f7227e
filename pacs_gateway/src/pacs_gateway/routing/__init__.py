"""The configuration: who may send, which series count, which outputs go where."""
