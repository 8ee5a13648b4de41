"""What a step would be given, and whether it has to run."""
