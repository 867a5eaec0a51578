"""What the stages share about the model: tokenizer and chat text, the NF4 base, precision, loading an adapter.

Knows nothing about where rows come from, how they are trained on, or where the adapter goes.
"""
