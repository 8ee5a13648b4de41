"""What the caller gave and the pipeline says, made into steps whose every value is known."""
