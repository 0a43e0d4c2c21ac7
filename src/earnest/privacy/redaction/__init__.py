"""Redaction: what is personal in what was said, where it is in the sound, and a recording without it.

Nothing here leaves the machine. `personal` reads a row of words, spoken or written; it needs no sound and no model.
"""
