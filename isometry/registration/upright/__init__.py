"""Hypotheses from standing both clouds upright and correlating bird's-eye images."""
