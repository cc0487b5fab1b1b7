"""Evaluation of relocalisation: robots that are switched on in a world that repeats itself."""
