"""Rules about the parameters that a manifest states."""
