"""Detection of objects in a scan, and models of the errors of detectors."""
