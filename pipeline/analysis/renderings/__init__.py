"""The forms in which a table is shown, one file a form."""
