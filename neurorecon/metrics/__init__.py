"""Scores of a tree, a mask or a probability against a gold standard: pure functions."""
