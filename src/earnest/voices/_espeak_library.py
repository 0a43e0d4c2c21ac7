"""eSpeak NG by its library, for machines without the program: `python -m earnest.voices._espeak_library VOICE TEXT WAV`.

The package `espeakng-loader` brings the library and its voices. It speaks in a process of its own, like every engine.
With a fourth file, the place in the text and the time of every word are written there as JSON.
"""

from __future__ import annotations

import ctypes
import json
import sys
import wave
from pathlib import Path
from typing import Any

SYNCHRONOUS = 2
UTF8 = 1
NO_MORE, WORD, END = 0, 1, 5
"""Kinds of events: the end of a list of them, a word that begins, the end of a clause."""


class Event(ctypes.Structure):
    """What the library says of a place in the sound (`espeak_EVENT` of speak_lib.h)."""

    _fields_ = [
        ("kind", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("character", ctypes.c_int),
        ("n_characters", ctypes.c_int),
        ("audio_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("identity", ctypes.c_char * 8),
    ]


def main() -> None:
    """Write the text of a file as a WAV file, in mono and 16 bit at the library's rate."""
    voice, text_file, wav_file, *times_file = sys.argv[1:]
    rate, samples, times = spoken(Path(text_file).read_text(encoding="utf-8"), voice)
    if times_file:
        Path(times_file[0]).write_text(json.dumps(times), encoding="utf-8")
    with wave.open(wav_file, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)


def spoken(text: str, voice: str) -> tuple[int, bytes, list[tuple[int, int, int]]]:
    """The rate in Hz, the samples of a text (16-bit little-endian), and where its words are.

    A word is its first character, counted from 0, how many it has, and its first sample; the end of a clause has none.

    Raises
    ------
    SystemExit
        If the library cannot begin, or has no such voice.
    """
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), 0)
    if rate <= 0:
        raise SystemExit(f"the library of eSpeak NG could not begin, code {rate}")
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # its noise is else seeded by the clock
    if library.espeak_SetVoiceByName(voice.encode()):
        raise SystemExit(f"eSpeak NG has no voice {voice!r}")
    chunks: list[bytes] = []
    times: list[tuple[int, int, int]] = []

    def collect(samples: Any, n_samples: int, events: Any) -> int:
        if samples and n_samples > 0:
            chunks.append(ctypes.string_at(samples, 2 * n_samples))
        place = 0
        while events and events[place].kind != NO_MORE:
            event = events[place]
            if event.kind in (WORD, END):
                times.append((event.character - 1, event.n_characters if event.kind == WORD else 0, event.sample))
            place += 1
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))(
        collect
    )
    library.espeak_SetSynthCallback(callback)
    data = text.encode() + b"\0"
    library.espeak_Synth(data, len(data), 0, 0, 0, UTF8, None, None)
    library.espeak_Synchronize()
    return rate, b"".join(chunks), times


if __name__ == "__main__":
    main()
