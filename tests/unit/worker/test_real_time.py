"""No encoder makes a thread or a process real-time, whoever it belongs to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kinolog.models.codecs import SOFTWARE_CODECS, VideoCodec

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these classes and limits")

ENCODE = """
import json, os, resource, subprocess, sys
from pathlib import Path

import numpy as np
from kinolog_worker.media.encoder import BackgroundEncoder
from kinolog_worker.media.encoder_settings import VideoEncoding

from kinolog.models.codecs import VideoCodec

# If an encoder does become real-time, the kernel ends this process before it starves the machine.
resource.setrlimit(resource.RLIMIT_RTTIME, (200_000, 200_000))


def classes():
    return sorted({os.sched_getscheduler(int(task)) for task in os.listdir("/proc/self/task")})


def class_of_a_child():
    return int(subprocess.check_output((sys.executable, "-ISc", "import os; print(os.sched_getscheduler(0))")))


before = classes(), class_of_a_child()
with BackgroundEncoder(
    Path(sys.argv[2]), width=64, height=64, fps=8, encoding=VideoEncoding(VideoCodec(sys.argv[1]))
) as encoder:
    encoder.write(np.zeros((3, 64, 64, 3), np.uint8))
    threads = len(os.listdir("/proc/self/task"))
    during = classes(), class_of_a_child()
print(json.dumps({"before": before, "during": during, "after": (classes(), class_of_a_child()), "threads": threads}))
"""

FORBIDDEN = """
import os, resource, subprocess, sys

from kinolog_worker.media.real_time import forbid_real_time

TRY = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"
resource.setrlimit(resource.RLIMIT_RTTIME, (200_000, 200_000))
resource.setrlimit(resource.RLIMIT_RTPRIO, (resource.getrlimit(resource.RLIMIT_RTPRIO)[1],) * 2)
forbid_real_time()
forbid_real_time()
try:
    exec(TRY)
except PermissionError:
    print("refused")
child = subprocess.run((sys.executable, "-ISc", TRY), capture_output=True, text=True)
print(child.stderr.rpartition("PermissionError")[1])
"""


def _printed(program: str, *arguments: str) -> str:
    return subprocess.run(
        (sys.executable, "-c", program, *arguments), capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("codec", SOFTWARE_CODECS)
def test_no_encoder_changes_the_scheduling_class(tmp_path: Path, codec: VideoCodec) -> None:
    """Every thread of the process, and a process that it starts, is scheduled as before the encoder was opened."""
    found = json.loads(_printed(ENCODE, codec, str(tmp_path / "clip.mp4")))
    assert found["threads"] > 1
    assert found["before"] == found["during"] == found["after"]


def test_the_right_to_a_real_time_class_is_gone() -> None:
    """After it is dropped, the thread and a program that it starts are refused such a class, those of root too."""
    assert _printed(FORBIDDEN).split() == ["refused", "PermissionError"]
