"""AudioTrust [li2025-audiotrust]: its published tables, and its aggregates over a run's lines."""
