"""Layers of our own: those that trax lacks, and better versions of those that it has."""
