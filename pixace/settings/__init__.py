"""Everything a user can set: names, defaults, help, checks."""
