"""`isometry export`: one file for each network."""
