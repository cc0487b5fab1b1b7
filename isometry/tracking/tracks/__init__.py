"""Tracks: association, filters, motion models, and the plain tracker to compare with."""
