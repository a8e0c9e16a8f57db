"""The study file: from YAML that remembers its lines to a validated ``StudySpec`` and its resolved configurations."""
