"""Benchmarks of others: what was published of them, and the findings that their tasks give together; one folder each."""
