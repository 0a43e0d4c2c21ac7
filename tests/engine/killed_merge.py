"""A merge that ends at its `K`-th write: `python killed_merge.py OUT K SHARD...`; K of 0 lets it finish."""

from __future__ import annotations

import os
import sys

from earnest.engine import merge
from earnest.engine.journal import Appended

if __name__ == "__main__":
    out, left, shards = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    link, append = os.link, Appended._write

    def counted(write):
        def written(*given):
            global left
            left -= 1
            if left == 0:
                os._exit(9)
            return write(*given)

        return written

    os.link, Appended._write = counted(link), counted(append)
    sys.stdout.write(f"merged {merge(shards, out)}\n")
