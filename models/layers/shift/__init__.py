"""Layers that are equivariant to shifts of an image by whole pixels, also where they subsample it.

Source: Ding et al., "Reviving Shift Equivariance in Vision Transformers" (2023). Images are tori: what leaves at one
side comes in at the other.
"""
