"""6D pose of objects whose model is given."""
