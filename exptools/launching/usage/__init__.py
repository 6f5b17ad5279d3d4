"""What jobs use of the machine while they run: sampled, summed up, written down."""
