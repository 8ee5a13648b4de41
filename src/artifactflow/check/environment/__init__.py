"""Rules about environment files, against the imports of scripts too."""
