"""What ``dsn doctor`` looks at: one plain function a check, listed in ``pipeline.health.checks``."""
