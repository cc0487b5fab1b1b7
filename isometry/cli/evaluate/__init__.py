"""`isometry evaluate`: one file for each task."""
