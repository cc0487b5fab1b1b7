"""A replay of the tracking node: reported and viewed."""
