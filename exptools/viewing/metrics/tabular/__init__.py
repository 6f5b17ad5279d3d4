"""How the tables of other programs become rows."""
