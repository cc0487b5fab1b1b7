"""The node of relocalisation."""
