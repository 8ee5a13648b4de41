"""What scripts run and whom they tell: `mlflow.run` calls, and the artifacts that W&B and MLflow are handed."""
