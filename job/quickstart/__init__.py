"""The embedded default: a tiny base model and rows, so that the first run needs no GPU, network or token."""
