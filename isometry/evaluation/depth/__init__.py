"""Evaluation of depth that was predicted from one image, beside what needs no image."""
