"""The node of place recognition."""
