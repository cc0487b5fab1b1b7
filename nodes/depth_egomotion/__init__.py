"""The node of depth and ego-motion."""
