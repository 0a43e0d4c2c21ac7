"""Data that others ship in forms of their own: one folder a benchmark, which reads its files where the user has them."""
