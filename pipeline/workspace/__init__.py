"""What a study leaves behind: where it lies, how it is written so that it survives, and how it is read back."""
