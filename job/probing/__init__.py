"""Stage 3: base and tuned model answer the same questions, given in the same prompt; scores of the answers.

Knows nothing about training beyond the adapter's folder.
"""
