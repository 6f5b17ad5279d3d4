"""The Python interface: load runs; filter, tabulate, compare and draw them; look at one of them."""
