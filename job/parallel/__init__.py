"""Several processes do the work of one stage: how the others are started, what they are told and tell, and how they end.

What is shared out is the stages' own; none is known here.
"""
