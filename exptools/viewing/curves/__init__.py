"""From the rows of a group's runs to one curve: align, smooth, aggregate."""
