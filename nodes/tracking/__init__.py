"""The node of tracking."""
