"""Voices that speak a text, by an engine that is installed on this machine, for attacks that say something.

A voice is written `<engine>/<voice>`: `espeak/en-us+f2`, `flite/slt`, `festival/slt`. `load_voice` gives it; no
engine is part of earnest, and where one is missing the error says what to install. A package of your own adds an
engine under the entry-point group `earnest.voices`, or with `@voices.register`.
"""

from earnest.registry import Registry

voices = Registry("voices")
"""Engines by name; each is called with what stands behind the slash and gives a `Voice`."""

from earnest.voices._base import ANY, Voice, installed, load_voice  # noqa: E402  (needs the registry above)

__all__ = ["ANY", "Voice", "installed", "load_voice", "voices"]
