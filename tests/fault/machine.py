# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with the machine the agent runs on: its clock and its disk."""

import mmap
import os
import struct
import subprocess


class Clock:
    """What the stage's agent takes for the time (tests/fakes/clock_shim.c), from its next start on."""

    def __init__(self, stage):
        path = stage.work / "clock"
        path.write_bytes(bytes(8))
        with open(path, "r+b") as file:
            self._page = mmap.mmap(file.fileno(), 8)
        shims = f"{stage.programs / 'tests/libclock_shim.so'} {stage.agent.environment.get('LD_PRELOAD', '')}"
        stage.agent.environment.update({"LD_PRELOAD": shims, "CLOCK_SHIM_FILE": str(path)})

    def jump(self, offset_s):
        """The clock is so far off from now on."""
        self._page[:] = struct.pack("q", int(offset_s * 1000))


class Disk:
    """A disk for a folder, which can be made as small as what is on it. `is_ours` is false where that cannot be
    had: only root may mount."""

    def __init__(self, folder, size_bytes):
        self._folder, self._size_bytes = folder, size_bytes
        self.is_ours = os.getuid() == 0 and self._mount(f"size={size_bytes}") == 0

    def _mount(self, options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", self._folder]
        return subprocess.run(command, capture_output=True).returncode

    def fill(self, left_bytes=0):
        """Whether only `left_bytes` are left now; not when something was written just then."""
        stat = os.statvfs(self._folder)
        used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
        return self._mount(f"remount,size={used + left_bytes}") == 0

    def make_room(self):
        if self._mount(f"remount,size={self._size_bytes}") != 0:
            raise RuntimeError(f"cannot make {self._folder} larger again")

    def close(self):
        if self.is_ours:
            subprocess.run(["umount", self._folder], check=True)
