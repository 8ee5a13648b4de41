"""What runs inside somebody else's process: the standard library only, and nothing else of ours."""
