"""Launch: jobs on their own CPU cores and GPUs, each in its own process."""
