"""Rotations, rigid transforms and their averages: arrays only."""
