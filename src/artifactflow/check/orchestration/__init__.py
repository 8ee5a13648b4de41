"""Rules about scripts that run components by `mlflow.run`."""
