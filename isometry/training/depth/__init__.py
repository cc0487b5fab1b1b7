"""Training of the depth network: where depth was measured from it, else from how images move."""
