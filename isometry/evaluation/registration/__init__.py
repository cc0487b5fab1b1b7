"""Evaluation of registration: pairs with a known transform, protocols, report."""
