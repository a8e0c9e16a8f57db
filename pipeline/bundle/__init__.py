"""A study in one archive, and back into a workspace: what was planned, what its trials gave, and the report."""
