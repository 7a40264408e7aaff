"""What goes into the API and comes out of it, one module per aggregate.

What is given (`Given`) refuses names it does not know, and every text in it has an end. What is shown (`Shown`) only grows.
"""
