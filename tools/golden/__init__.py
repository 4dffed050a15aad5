"""Tiny seeded checkpoints in every file family, with the logits they must give (see tools/make_golden.py)."""
