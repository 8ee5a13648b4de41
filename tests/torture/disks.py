"""File systems made for a test: small ones, read-only ones, and such that lose their power."""

import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest

_GOING_DOWN = 0x8004587D  # XFS_IOC_GOINGDOWN of linux/xfs_fs.h, EXT4_IOC_SHUTDOWN of ext4.h: what xfs_io calls shutdown
_NOTHING_MORE_IS_WRITTEN = 2
_QUIETLY = {"ext4": ["-q"], "xfs": ["-q"], "ntfs": ["-q", "-Q", "-F"]}


class Mounts:
    """Mounted file systems; `close` unmounts them. Each method skips the test where this machine does not let us."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mounts-"))
        self._mounted: list[Path] = []
        self._loops: list[str] = []

    def tmpfs(self, options: str) -> Path:
        """A file system in memory."""
        return self._mount("-t", "tmpfs", "-o", options, "tmpfs")

    def loop(self, kind: str, megabytes: int, *options: str) -> Path:
        """A file system of that kind in a file, made with those options of its mkfs."""
        image = self._folder / f"image-{len(self._mounted)}"
        _need(f"mkfs.{kind}")
        with image.open("wb") as file:
            file.truncate(megabytes * 2**20)
        _run(f"mkfs.{kind}", *_QUIETLY.get(kind, ()), *options, image)
        if kind == "exfat" and shutil.which("mount.exfat-fuse"):
            device = _run("losetup", "-f", "--show", image).strip()
            self._loops.append(device)
            return self._mount(device, by="mount.exfat-fuse")
        if kind == "ntfs":
            _need("lowntfs-3g")
            return self._mount("-o", "ignore_case", image, by="lowntfs-3g")
        return self._mount("-o", "loop", image)

    def without_case(self, kind: str) -> Path:
        """A folder with hard links where names that differ in case only are one: on xfs, ext4, or NTFS by FUSE."""
        match kind:
            case "xfs":
                return self.loop("xfs", 400, "-n", "version=ci")
            case "ext4":
                folder = self.loop("ext4", 64, "-O", "casefold") / "folder"
                folder.mkdir()
                _need("chattr")
                _run("chattr", "+F", folder)
                return folder
        return self.loop("ntfs", 64)

    def lose_power(self, folder: Path) -> None:
        """Let a file system lose what it has not made durable, and mount it again, as after a start of the machine."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _GOING_DOWN, struct.pack("I", _NOTHING_MORE_IS_WRITTEN))
        finally:
            os.close(descriptor)

    def start_again(self, folder: Path) -> None:
        """Mount a file system again after its power was lost."""
        _run("umount", folder)
        _run("mount", "-o", "loop", self._folder / folder.name.replace("mount", "image"), folder)

    def read_only(self, folder: Path, *, on: bool) -> None:
        """Let nobody write to a file system, or let them again."""
        _run("mount", "-o", "remount,ro" if on else "remount,rw", folder)

    def close(self) -> None:
        """Unmount everything."""
        for folder in self._mounted:
            subprocess.run(["umount", "-l", folder], capture_output=True)
        for device in self._loops:
            subprocess.run(["losetup", "-d", device], capture_output=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _mount(self, *arguments: object, by: str = "mount") -> Path:
        target = self._folder / f"mount-{len(self._mounted)}"
        target.mkdir()
        _run(by, *arguments, target)
        self._mounted.append(target)
        return target


def _need(program: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def _run(*command: object) -> str:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this machine does not let us: {' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout
