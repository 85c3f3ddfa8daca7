"""Measures train_simcse beside the loop it replaces and a library; see docs/benchmark.md."""
