"""Constants of object poses that are fitted to simulated scenes."""
