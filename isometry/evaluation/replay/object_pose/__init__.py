"""A replay of the object pose node: inputs, figures, report."""
