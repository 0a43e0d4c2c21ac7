"""The official benchmark AudioTrust [li2025-audiotrust], asked as published."""
