"""Values → text: what the readers of `artifactflow.read` read back as the same values."""
