"""A replay of the place-recognition node: judged, reported, viewed."""
