"""Calling a step function: from a command line, or with values that are known already.

`run(function)` is the last line of a component's script. It makes the command line that the contract describes, reads
the inputs by the formats of their annotations, calls the function, and writes what it returns.
"""
