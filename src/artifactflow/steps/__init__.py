"""The built-in step functions: paths in, paths out, imported one at a time by whoever runs them."""
