"""The environments that steps run in: what is installed, and whether it is what a component asks for."""
