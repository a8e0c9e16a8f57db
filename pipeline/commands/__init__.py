"""The commands, each a thin layer over one function elsewhere, which is imported when the command is called."""
