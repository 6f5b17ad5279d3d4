"""The config is found as a package, for the task is in a module."""
