"""What a run did, told to people: one HTML page, or the Markdown of a comment.

`facts` are the values, `collect` gathers them from a store, `page` and `comment` write them out. `layout` and `graph`
draw the steps, `metrics` compares the numbers of two runs.
"""
