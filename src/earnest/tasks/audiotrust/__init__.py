"""The official benchmark AudioTrust [li2025-audiotrust], read where the user has it and asked as published."""
