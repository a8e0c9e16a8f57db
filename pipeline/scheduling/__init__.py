"""Which trial is run next, and what is done about one that fails or has to stop. No ray here."""
