"""One module per resource of the API; each has a ``router``."""
