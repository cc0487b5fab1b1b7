"""Training of the flow-equivariant memory of tracking."""
