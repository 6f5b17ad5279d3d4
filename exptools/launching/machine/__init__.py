"""What this process may use: the machine's topology, GPUs and limits, slots, and leases."""
