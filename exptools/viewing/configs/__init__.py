"""Config files → values: parsing, interpolation, and keys with dots."""
