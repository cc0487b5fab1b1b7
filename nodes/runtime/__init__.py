"""What all nodes share: lifecycle, worker thread, diagnostics, parameters, inputs, transforms, messages, launching."""
