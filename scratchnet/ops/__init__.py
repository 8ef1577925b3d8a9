"""The mathematics: per operation a pair of pure functions side by side."""
