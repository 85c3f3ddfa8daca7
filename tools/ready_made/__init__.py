"""The parts of tools/make_ready_made.py."""
