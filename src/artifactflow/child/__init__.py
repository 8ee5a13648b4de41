"""What runs inside a step's own process and environment: standard library only, it imports nothing else of ours.

The scripts of this package are started by their paths, with the interpreters of the steps. `messages` and `processes`
serve both sides: the scripts load them from beside themselves, the executors import them.
"""
