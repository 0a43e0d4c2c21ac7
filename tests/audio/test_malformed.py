"""300 malformed audio files and 100 malformed manifests: read, or refused with earnest's own words; never cut and read as whole."""

import contextlib
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip, Manifest
from earnest.errors import BadAudio, BadData

sys.path.insert(0, str(Path(__file__).parent))
from malformed import malformed_manifest, named_files, whole_files  # noqa: E402

SEED = 20_26
MEMORY_MIB = 1024


def test_the_files_that_are_cut_are_good_before():
    for ending, data in whole_files().items():
        clip = AudioClip.from_bytes(data)
        assert clip.duration_s == pytest.approx(1.0, abs=0.1), ending
        assert clip.level_dbfs == pytest.approx(-10.5, abs=8), ending  # AMR keeps the lower half of the noise


@pytest.mark.parametrize("file", list(named_files()), ids=lambda file: file.name)
def test_files_of_public_reports_are_refused(file):
    with pytest.raises(BadAudio):
        AudioClip.from_bytes(file.data)


CHECK = """
import json, resource, sys, time, traceback, warnings
sys.path[:0] = [sys.argv[1]]
from malformed import malformed_files
from earnest.audio import AudioClip
from earnest.errors import BadAudio, MissingExtra
warnings.simplefilter("ignore")
told = {"read_though_cut": [], "tracebacks": [], "refused": 0, "read": 0, "slowest_s": 0.0}
for file in malformed_files(int(sys.argv[2]), int(sys.argv[3])):
    begun = time.perf_counter()
    try:
        AudioClip.from_bytes(file.data)
        told["read"] += 1
        told["read_though_cut"] += [file.name] if file.cut else []
    except (BadAudio, MissingExtra):
        told["refused"] += 1
    except Exception:
        told["tracebacks"].append(file.name + traceback.format_exc())
    told["slowest_s"] = max(told["slowest_s"], time.perf_counter() - begun)
try:  # of this program alone: what is used most by getrusage counts the process that it was forked from
    used = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:"))
except OSError:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
told["memory_mib"] = int(used) / 1024
print(json.dumps(told))
"""


def checked(n, seed):
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", CHECK, here, str(n), str(seed)], capture_output=True, text=True, check=True
    )
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def test_300_malformed_files():
    told = checked(300, SEED)
    assert told["tracebacks"] == [] and told["read_though_cut"] == []
    assert told["refused"] + told["read"] == 300 and told["refused"] > 150
    assert told["memory_mib"] < MEMORY_MIB


@pytest.mark.slow
def test_10_000_malformed_files():
    told = checked(10_000, SEED + 1)
    assert told["tracebacks"] == []
    uncounted = (".amr", ".aac", ".ac3", ".eac3")  # where the cut lies between two frames, what is left is a whole file
    assert [name for name in told["read_though_cut"] if not name.endswith(uncounted)] == []
    assert told["memory_mib"] < MEMORY_MIB


def read_manifests(n, seed, tmp_path):
    for number in range(n):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in ("a.wav", "b.wav"):
            AudioClip(np.full(80, 0.1, np.float32), 8000).write(folder / name)
        for name, data in malformed_manifest(number, seed).items():
            (folder / name).write_bytes(data)
        with contextlib.suppress(BadData):
            Manifest.read(folder)


def test_100_malformed_manifests(tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read_manifests(100, SEED, tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_MIB * 1024


@pytest.mark.slow
def test_10_000_malformed_manifests(tmp_path):
    read_manifests(10_000, SEED + 1, tmp_path)
