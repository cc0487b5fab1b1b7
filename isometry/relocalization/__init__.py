"""The pose of a robot in a saved map, without an initial estimate."""
