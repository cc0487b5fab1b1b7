"""Traffic that moves: roads, vehicles, pedestrians, and what a sensor sees of them."""
