"""Stage 4: the forms of the tuned model that other tools take, each proven by a fresh process that loads it.

Knows what the stages before it left, and nothing of how it came about or where it goes.
"""
