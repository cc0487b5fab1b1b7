"""Shared by all commands: progress bars, errors, arguments, results, threads."""
