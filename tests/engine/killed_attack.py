"""An attacked run in a process of its own, to be killed: `python killed_attack.py FOLDER URL N`; notes each search beside the folder."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from engine_parts import jobs, plan, settings  # noqa: E402

from earnest.attacks import Attack, Candidate, attacks  # noqa: E402
from earnest.audio import Goal  # noqa: E402
from earnest.engine import execute  # noqa: E402
from earnest.models import load_model  # noqa: E402
from earnest.records import Arm  # noqa: E402

N_QUERIES = 5
FOLDER = Path(sys.argv[1])


def note(what: str, prompt: str) -> None:
    """One write of one line, so that none is torn."""
    file = os.open(FOLDER.parent / "searches.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{what} {prompt.replace(' ', '-')}\n".encode())
    os.close(file)


@attacks.register("test_patient")
@dataclass(frozen=True, kw_only=True)
class Patient(Attack):
    source, family = "test", "jailbreak"

    def propose(self, victim, stimuli, *, rngs):
        note("begun", stimuli[0].prompt)
        for _ in range(N_QUERIES):
            victim.ask([(0, Candidate())])
        note("finished", stimuli[0].prompt)
        return [Candidate(clip=stimuli[0].clip.with_samples(stimuli[0].clip.samples / 2))]


if __name__ == "__main__":
    _, url, n = sys.argv[1:]
    arm = Arm(attack="test_patient")
    given = [replace(job, goal=lambda item: Goal(reached=lambda text: False)) for job in jobs(int(n), arms=(arm,))]
    summary = execute(
        plan(int(n), attack="test_patient"),
        given,
        model=load_model(f"{url}#fake"),
        folder=FOLDER,
        settings=settings(max_connections=2),
    )
    sys.stdout.write(f"finished {summary.n_scored}\n")
