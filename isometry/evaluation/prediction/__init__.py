"""Evaluation of motion prediction: displacement errors, covariances, report."""
