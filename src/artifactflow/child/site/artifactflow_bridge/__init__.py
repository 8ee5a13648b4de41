"""Puts the local artifact store behind the interfaces of other libraries, inside a step's process.

Found on the PYTHONPATH that a step is given; it runs in any environment with Python 3.8 or newer and uses the
standard library only. `line` talks to the runner; `patches` is what `sitecustomize` calls when a library is imported.
"""
