"""Stage 3: the same questions, asked of the base and of the tuned model with the same prompt; scores of the answers.

Knows nothing about training beyond the adapter's folder.
"""
