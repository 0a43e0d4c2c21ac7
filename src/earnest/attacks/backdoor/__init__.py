"""A trigger planted in training: what sets it off, data that plants it, and what a suspect model makes of it."""
