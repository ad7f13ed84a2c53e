"""Layers of our own, in the place of trax's."""
