"""Things to do later: one row per key, taken by one runner at a time."""
