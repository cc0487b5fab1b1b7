"""`isometry train`: one file for each task."""
