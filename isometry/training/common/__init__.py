"""What all trainings share: the loop, fits, the way to ONNX."""
