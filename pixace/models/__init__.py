"""Settings to networks."""
