"""The flow-equivariant memory of a bird's-eye grid."""
