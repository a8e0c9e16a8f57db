"""One trial: what it takes, how it is trained, and what comes back from it."""
