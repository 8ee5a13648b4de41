"""Rules about the manifest against its script."""
