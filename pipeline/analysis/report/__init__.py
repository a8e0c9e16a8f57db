"""The report of a study: what it found in words, tables and figures."""
