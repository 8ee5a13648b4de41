"""What runs inside a step's own process and environment: standard library only, it imports nothing else of ours."""
