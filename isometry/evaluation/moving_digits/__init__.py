"""Evaluation of recurrent networks on moving digits."""
