"""The run folder and the life of a run: records, metrics.json, signals, and what keeps secrets out of all of it."""
