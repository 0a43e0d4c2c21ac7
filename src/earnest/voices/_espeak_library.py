"""eSpeak NG by its library, for machines without the program: `python -m earnest.voices._espeak_library VOICE TEXT WAV`.

The package `espeakng-loader` brings the library and its voices. It speaks in a process of its own, like every engine.
"""

from __future__ import annotations

import ctypes
import sys
import wave
from pathlib import Path
from typing import Any

SYNCHRONOUS = 2
UTF8 = 1


def main() -> None:
    """Write the text of a file as a WAV file, in mono and 16 bit at the library's rate."""
    voice, text_file, wav_file = sys.argv[1:]
    rate, samples = spoken(Path(text_file).read_text(encoding="utf-8"), voice)
    with wave.open(wav_file, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)


def spoken(text: str, voice: str) -> tuple[int, bytes]:
    """The rate in Hz and the samples of a text, 16-bit little-endian.

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

    def collect(samples: Any, n_samples: int, _events: Any) -> int:
        if samples and n_samples > 0:
            chunks.append(ctypes.string_at(samples, 2 * n_samples))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)(collect)
    library.espeak_SetSynthCallback(callback)
    data = text.encode() + b"\0"
    library.espeak_Synth(data, len(data), 0, 0, 0, UTF8, None, None)
    library.espeak_Synchronize()
    return rate, b"".join(chunks)


if __name__ == "__main__":
    main()
