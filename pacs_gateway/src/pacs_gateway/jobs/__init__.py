"""From a complete study to delivered results, on a durable engine."""
