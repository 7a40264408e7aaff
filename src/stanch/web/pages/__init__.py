"""The pages: each module has a ``router`` whose handlers render a template of the same name."""
