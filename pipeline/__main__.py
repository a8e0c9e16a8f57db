"""``python -m pipeline`` is ``dsn``."""

from pipeline.cli import main

main()
