"""An example of a package that adds to earnest without being part of it."""
