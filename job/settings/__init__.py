"""Every setting of the job: environment variables, read once, frozen and complete. Imports no heavy library."""
