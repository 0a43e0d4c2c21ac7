"""Benchmarks of others: what was published of them, and the findings that their tasks give together; one folder each."""

from earnest.benchmarks._base import Benchmark, benchmarks

__all__ = ["Benchmark", "benchmarks"]
