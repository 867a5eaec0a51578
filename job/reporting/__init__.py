"""report.html: what a run did, for a person. Knows results and files of the run folder, and nothing of how they came about."""
