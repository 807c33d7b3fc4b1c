"""Score trees, masks and probabilities against a gold standard: one case, or many."""
