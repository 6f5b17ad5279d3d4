"""A sweep on the machines of a Slurm cluster: its options, and its place."""
