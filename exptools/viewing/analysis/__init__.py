"""Which setting mattered, and whether a difference is real: numbers, sentences, figures.

``importance`` takes the variance between runs apart by the keys that vary; ``improvement`` compares
two groups of runs. Both count a run as one number and say how sure they are of what they say.
"""
