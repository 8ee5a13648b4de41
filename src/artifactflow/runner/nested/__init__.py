"""Components that a step runs by `mlflow.run`, each a step of its own."""
