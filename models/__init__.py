"""Torch networks and the weights exported from them."""
