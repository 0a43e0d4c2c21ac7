"""Neighbours: other tools that can run earnest's tasks or read its runs. One file each, each an extra."""
