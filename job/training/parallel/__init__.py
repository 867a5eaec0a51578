"""Several workers train one adapter: the leader runs the training, the others compute gradients and losses for it."""
