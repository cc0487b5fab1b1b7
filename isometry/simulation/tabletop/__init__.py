"""Household objects on a table, seen by a colour and depth camera."""
