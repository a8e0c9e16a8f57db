"""Dynamic sparse networks for time series classification: the science. Knows nothing of studies, Ray or MLflow."""
