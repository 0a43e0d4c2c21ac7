"""The official data of AudioTrust [li2025-audiotrust]: rows, recordings and prompts, read where the user has them."""
