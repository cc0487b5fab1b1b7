"""Training of the network of motion prediction."""
