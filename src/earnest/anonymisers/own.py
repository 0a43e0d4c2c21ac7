"""A user's own anonymisation system, as a command, a Python callable or a folder of what it made."""

from __future__ import annotations

import inspect
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from earnest.anonymisers._base import Anonymiser, Drawn, anonymisers
from earnest.audio import AudioClip, Entry, Manifest
from earnest.errors import BadAudio, BadData, BadParameter, machine_failed
from earnest.models.python import imported

MOST_PADDING_S = 0.1
"""By which a result may be shorter or longer than the clip; it is padded or cut then."""


@anonymisers.register("own")
@dataclass(frozen=True, kw_only=True)
class OwnSystem(Anonymiser):
    """Your own system: exactly one of a command, a Python callable, and a folder that it has written.

    A command is run once for a recording, without a shell: `command="my-tool --seed {seed} {in} {out}"`; `{in}` and `{out}`
    are WAV files, `{seed}` (optional) is what was drawn for the voice. A callable takes `(clip)` or `(clip, seed)`, with an
    `AudioClip`, and returns one. A folder is a data set with the same ids; its voices are what they are, so an attacker
    who is said to have drawn voices of their own has in truth the very voices of the folder, and results on it are those of
    a somewhat stronger attacker.

    A result that differs from the clip by at most 0.1 s in length is padded or cut, another rate is resampled.

    Parameters
    ----------
    command : str
    python : str
        `<module>:<callable>`, importable from the current folder.
    folder : str
    timeout_s : float
        How long a command may take for one recording.
    """

    source: ClassVar[str] = "tomashenko2024-voiceprivacy"

    command: str = ""
    python: str = ""
    folder: str = ""
    timeout_s: float = 300.0

    def __post_init__(self) -> None:
        if sum(bool(one) for one in (self.command, self.python, self.folder)) != 1:
            raise BadParameter(
                "anonymiser 'own' takes one of command=, python= and folder=, as in "
                "'own:command=my-tool {in} {out}' or own:python=my_module:my_function"
            )
        if self.command and not ("{in}" in self.command and "{out}" in self.command):
            raise BadParameter(f"the command of 'own' must hold {{in}} and {{out}}, got {self.command!r}")
        if not self.timeout_s > 0:
            raise BadParameter(f"timeout_s of own must be above 0, got {self.timeout_s!r}")

    def draw(self, rng: np.random.Generator) -> Drawn:
        """A seed for the voice."""
        return {} if self.folder else {"seed": int(rng.integers(2**31))}

    def apply(self, entry: Entry, clip: AudioClip, drawn: Drawn) -> AudioClip:
        """What the system makes of the clip."""
        if self.folder:
            made = self._made_before[entry.id].clip()
        elif self.python:
            made = self._called(clip, drawn["seed"])
        else:
            made = self._run(clip, drawn["seed"])
        made = made.resampled(clip.sample_rate)
        if abs(made.n_samples - clip.n_samples) > MOST_PADDING_S * clip.sample_rate:
            raise BadAudio(
                f"your system must keep the length of {entry.id!r}, {clip.duration_s:.2f} s, got {made.duration_s:.2f} s; "
                "mend it: timing tells who speaks, and labels of time must hold"
            )
        samples = made.samples[: clip.n_samples]
        return made.with_samples(np.pad(samples, (0, clip.n_samples - len(samples))))

    @cached_property
    def _made_before(self) -> Manifest:
        place = Path(self.folder).expanduser()
        if not place.is_dir():
            raise BadData(f"folder of 'own' must be a data set, got {self.folder!r}, which is no folder; check it")
        return Manifest.read(place)

    @cached_property
    def _function(self) -> Callable[..., Any]:
        module, _, name = self.python.partition(":")
        function = getattr(imported(module, f"own:python={self.python}"), name, None) if name else None
        if not callable(function):
            raise BadParameter(f"python of 'own' must be <module>:<callable>, got {self.python!r}; check the name")
        return function  # type: ignore[no-any-return]

    def _called(self, clip: AudioClip, seed: int) -> AudioClip:
        n_taken = len(inspect.signature(self._function).parameters)
        try:
            made = self._function(*(clip, seed)[:n_taken])
        except Exception as error:  # noqa: BLE001  (the user's code may raise anything)
            if fault := machine_failed(error):
                raise fault from error
            raise BadAudio(f"{self.python} raised {type(error).__name__}: {str(error)[:200]}") from error
        if not isinstance(made, AudioClip):
            raise BadAudio(f"{self.python} must return an AudioClip, got {type(made).__name__}")
        return made

    def _run(self, clip: AudioClip, seed: int) -> AudioClip:
        with tempfile.TemporaryDirectory(prefix="earnest-anonymise-") as folder:
            source, target = Path(folder, "in.wav"), Path(folder, "out.wav")
            clip.write(source)
            places = {"{in}": str(source), "{out}": str(target), "{seed}": str(seed)}
            words = shlex.split(self.command)
            for name, value in places.items():
                words = [word.replace(name, value) for word in words]
            try:
                done = subprocess.run(
                    words, capture_output=True, timeout=self.timeout_s, stdin=subprocess.DEVNULL, check=False
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise BadAudio(f"the command {words[0]!r} could not be run: {error}") from error
            if done.returncode or not target.is_file():
                reason = done.stderr.decode(errors="replace").strip()[-200:] or f"exit code {done.returncode}"
                raise BadAudio(f"the command {words[0]!r} wrote no recording: {reason}")
            return AudioClip.read(target)
