"""Stage 1: rows from any source, cleaned by counted rules, each dropped row with its reason, split by seed.

Knows nothing about training beyond the length of a row in the base model's tokens.
"""
