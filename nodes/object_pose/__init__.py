"""The node of object poses."""
