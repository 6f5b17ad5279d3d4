"""Parts of topology, slots and leases: what the system tells, and how it is divided."""
