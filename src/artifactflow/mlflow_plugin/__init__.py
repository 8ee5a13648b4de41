"""What MLflow finds of artifactflow through its entry points: a project backend, artifact references, dataset sources.

`mlflow run DIR --backend artifactflow` runs a component or a pipeline cached; `artifactflow:/name/alias` is an address
that MLflow's own functions, and `path` and `uri` parameters of any project, can read.
"""
