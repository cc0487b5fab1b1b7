"""What every node is made of: lifecycle, worker thread, diagnostics, parameters, transforms and message layouts."""
