"""A file system that can lose power: the kernel drops what was not flushed to it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.chaos.disk import AS_ROOT
from tests.harness import until

ORDERED = "commit=600"
"""As ext4 usually is, but nothing reaches the disk by itself: what is not flushed is empty or gone."""

NAMES_FIRST = "commit=600,noauto_da_alloc"
"""A rename reaches the disk before the content of the file: it has its name, and no bytes."""

SIZES_FIRST = "commit=600,noauto_da_alloc,nodelalloc,data=writeback"
"""Names and sizes reach the disk before any content: a file has its size, and zeros in it."""

SHUT_DOWN = """
import fcntl, os, struct, sys
EXT4_IOC_SHUTDOWN, NO_FLUSH = 0x8004587D, 2
for path in sys.argv[1:]:
    fcntl.ioctl(os.open(path, os.O_RDONLY), EXT4_IOC_SHUTDOWN, struct.pack("I", NO_FLUSH))
"""


class Volume:
    """
    A small ext4 in an image, mounted at a directory.

    `lose_power` is what xfstests does: the file system shuts down at once, without its journal's flush.
    What the image holds then is what a disk holds after a power loss.
    """

    def __init__(self, image: Path, at: Path, size: int = 96 * 1024 * 1024) -> None:
        self.image, self.at = image, at
        at.mkdir(parents=True, exist_ok=True)
        with image.open("wb") as writer:
            writer.truncate(size)
        owner = f"root_owner={os.getuid()}:{os.getgid()}"
        subprocess.run(["/sbin/mkfs.ext4", "-q", "-E", owner, str(image)], check=True)
        self.mount(ORDERED)

    def mount(self, options: str) -> None:
        """Mount it, to lose data in the way of these options; the journal is played back."""
        command = ["mount", "-o", f"loop,{options}", str(self.image), str(self.at)]
        subprocess.run([*AS_ROOT, *command], check=True)

    def unmount(self) -> None:
        """Unmount it, as soon as nothing has a file of it open."""
        command = [*AS_ROOT, "umount", "-q", str(self.at)]
        until(lambda: not subprocess.call(command, stderr=subprocess.DEVNULL), what=f"umount {self.at}")

    def flush(self) -> None:
        """Flush all of it, as if it had been at rest for long."""
        subprocess.run(["sync", "-f", str(self.at)], check=True)


def lose_power(volumes: list[Volume]) -> None:
    """Shut these file systems down, at about the same moment; everything fails on them until a mount."""
    paths = [str(volume.at) for volume in volumes]
    subprocess.run([*AS_ROOT, sys.executable, "-c", SHUT_DOWN, *paths], check=True)
