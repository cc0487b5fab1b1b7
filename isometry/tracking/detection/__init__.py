"""Detection of objects in a scan, and how far a detector can be trusted."""
