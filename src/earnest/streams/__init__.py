"""Streams: what hears frames while they come, and says something of each window.

    stream = streams.make("level")
    hearing = stream.open(sample_rate=16_000, seed=0, name="call 7")
    for frame in frames:
        for window in hearing.push(frame):
            window.start_s, window.value
    hearing.close()

One file holds one stream. `detector/stream:of=level` measures one over whole clips, like any detector.
"""

from earnest.streams._base import Hearing, Stream, Window, streams

__all__ = ["Hearing", "Stream", "Window", "streams"]
