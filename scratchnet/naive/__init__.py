"""The same operations as the loops of the course note, in its letters: the readable specification."""
