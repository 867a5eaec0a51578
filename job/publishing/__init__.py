"""Stage 4: the cards, and the push to the Hub. The only room that writes there.

Knows the results of the stages before and nothing of how they came about.
"""
