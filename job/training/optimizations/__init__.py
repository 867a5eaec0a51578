"""What makes a training step faster, and the self-test that each passes first, on the card and the rows of the run."""
