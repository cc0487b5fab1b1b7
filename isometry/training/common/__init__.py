"""What all trainings share: the loop, files of trained networks, fits, the export to ONNX."""
