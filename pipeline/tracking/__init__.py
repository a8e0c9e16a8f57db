"""MLflow: written from the ledger, and read as if it were one. The only room that imports mlflow."""
