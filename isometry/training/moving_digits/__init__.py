"""Training of recurrent networks on moving digits."""
