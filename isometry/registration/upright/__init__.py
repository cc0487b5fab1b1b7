"""Hypotheses from turning both clouds upright and correlating their bird's-eye images."""
