"""Stage 5: the cards, and the push to the Hub. The only package that writes there.

Knows the results of the stages before it, and nothing of how they came about.
"""
