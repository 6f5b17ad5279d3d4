"""Other people's loggers, writing to ours: a module a library, which only that module imports."""
