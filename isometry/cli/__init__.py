"""The command `isometry`."""
