"""Writes the bundled sample: unlabelled Chinese sentences and NLI triplets."""
