"""The orchestration: studies in, trained models, MLflow runs and reports out. See pipeline/README.md."""
