"""Whether a report says what its study's results say: the files as a reader sees them, against those made anew."""
