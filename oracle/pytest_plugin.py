"""pytest plugin: nothing to load until a test asks for it; `oracle.parametrize` does the work."""
