"""A machine whose disks lose their power, and what it acknowledged."""

import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import psutil

from streaming.landing import places, quarantine
from streaming.pipeline import archive
from streaming.pipeline.archive import original_name
from tests import oracle
from tests.chaos.volume import NAMES_FIRST, ORDERED, SIZES_FIRST, Volume, lose_power
from tests.chaos.world import Difference, World
from tests.harness import Service, row

REJECTED = "-1.00"
LAYOUTS = {
    "one disk": ("",),
    "Redis on a disk of its own": ("", "redis"),
    "Redis and archive on disks of their own": ("", "redis", "landing_zone/_archive"),
}
OPTIONS = ORDERED, NAMES_FIRST, SIZES_FIRST


class Machine:
    """A world on disks that lose their power, and what it acknowledged to somebody."""

    def __init__(self, directory: Path, layout: str, seed: int, *, audited: bool) -> None:
        root = directory / "disk"
        self.directory = directory
        directory.mkdir(parents=True)
        self.volumes: list[Volume] = []
        for at in LAYOUTS[layout]:
            if at == "landing_zone/_archive":
                self.world = World(root, seed, audited=audited)
            image = directory / f"{len(self.volumes)}.img"
            self.volumes.append(Volume(image, root / at))
        if len(self.volumes) < 3:
            self.world = World(root, seed, audited=audited)
        self.world.settings = self.world.settings.model_copy(update={"archive": True})
        self.world.zone.settings = self.world.settings
        self.world.program.environment["ARCHIVE"] = "on"
        self.dropped: dict[str, bytes] = {}
        """By name, the files that are safe, as somebody was told."""
        self.sent: dict[str, bytes] = {}
        """By name, the files that a sender did not flush."""
        self.forgetful = False
        """Whether Redis lost what it had acknowledged."""
        self.losses = 0

    @property
    def service(self) -> Service:
        """The service in this process, which moves what it counted to the archive."""
        service = self.world.service
        service.settings = self.world.settings
        return service

    @property
    def landing_zone(self) -> Path:
        """The landing zone on the disk."""
        return self.world.settings.landing_directory

    def put(self) -> None:
        """Drop a file, sometimes with rows to be rejected, with the program; it says when it is safe."""
        name = self._source()
        self.world.program.inside("drop", str(self.directory / name))
        self.dropped[name] = (self.directory / name).read_bytes()

    def send(self) -> None:
        """Rename a file into the landing zone without a flush, as `mv` does; safe once it counts."""
        name = self._source()
        self.sent[name] = (self.directory / name).read_bytes()
        self._rename(name)

    def _rename(self, name: str) -> None:
        hidden = self.landing_zone / f".{name}"
        hidden.write_bytes(self.sent[name])
        hidden.rename(self.landing_zone / name)

    def _send_again(self) -> None:
        """Send again what was lost before it counted, as a sender would; the rest has to be there."""
        records = self.world.zone.store().records()
        counted = {original_name(path, record) for path, record in records.items()}
        files = self.files()
        for name in self.sent.keys() - self.dropped.keys() - counted:
            if files.get(name) != self.sent[name]:
                self._rename(name)
        self.dropped |= self.sent

    def _source(self) -> str:
        chance = self.world.random
        # Where nothing is rejected, no flush of the quarantine covers for that of the landing zone.
        bad = [row(n, REJECTED) for n in range(chance.choice((0, 0, 2)))]
        rows = [*self.world.rows(chance.randint(5, 40)), *bad]
        name = f"{chance.randrange(16**6):06x}-{len(self.dropped | self.sent):04d}.csv"
        (self.directory / name).write_text(oracle.text(rows))
        return name

    def lose_power(self) -> None:
        """Shut the disks down, then end the server; a run on them fails."""
        server = psutil.Process(int(self.world.redis.info("server")["process_id"]))
        lose_power(self.volumes)
        with suppress(psutil.NoSuchProcess):  # it ends by itself when it cannot write
            server.kill()
        psutil.wait_procs([server], timeout=30)
        self.losses += 1

    def start(self, *, torn: bool = False) -> None:
        """Mount the disks again, and start the server on what they hold, or but for some last bytes."""
        for volume in reversed(self.volumes):
            volume.unmount()
        options = self.world.random.choice(OPTIONS)
        for volume in self.volumes:
            volume.mount(options)
        if torn:
            last = max((self.world.directory / "redis" / "appendonlydir").glob("*.incr.aof"))
            os.truncate(last, last.stat().st_size - self.world.random.randint(1, 20))
        port = self.world.url.rpartition(":")[2].partition("/")[0]
        (self.world.directory / "redis" / "port").write_text(port)  # it may be lost, and clients know it
        self.world.start_server()
        self._send_again()

    def run(self) -> None:
        """Run as the program does: first it finishes what the last run left half moved."""
        archive.of(self.world.settings, self.world.zone.store()).sweep()
        self.service.run()

    def check(self, moment: str) -> None:
        """Assert that each dropped file exists and counts once, and so do its rejected rows."""
        files = self.files()
        if files != self.dropped:
            wrong = {
                n for n in files.keys() | self.dropped.keys() if files.get(n) != self.dropped.get(n)
            }
            raise Difference(f"{moment}: files lost, doubled or changed: {sorted(wrong)}")
        records = self.world.zone.store().records()
        ordered = sorted(records, key=lambda path: (records[path].version, records[path].order))
        names = [original_name(path, records[path]) for path in ordered]
        if self.forgetful:  # a file may have two records: where it was, and where it was read again
            names = list(dict.fromkeys(names))
            ordered = [path for path in ordered if (self.landing_zone / path).exists()]
        if sorted(names) != sorted(self.dropped):
            raise Difference(f"{moment}: records {sorted(names)} of files {sorted(self.dropped)}")
        lines = {name: self.dropped[name].decode().splitlines() for name in names}
        kept = {n: [x for x in of if not x.endswith(REJECTED)] for n, of in lines.items()}
        self.world.zone.holds(*("\n".join(kept[name]) for name in names))
        rejected: dict[str, list[str]] = defaultdict(list)
        for entry in quarantine.rows(places.quarantine(self.world.settings)):
            rejected[entry["file"]].append(entry["raw"])
        expected = {
            path: raw
            for path in ordered
            if (raw := [x for x in lines[original_name(path, records[path])] if x.endswith(REJECTED)])
        }
        if rejected != expected:
            raise Difference(f"{moment}: quarantine (there, expected): {dict(rejected)}, {expected}")

    def files(self) -> dict[str, bytes]:
        """Return the content of each file, landed or archived, by name."""
        contents: dict[str, bytes] = {}
        for path in sorted(self.landing_zone.rglob("*.csv")):
            assert path.name not in contents, f"{path.name} is there twice"
            contents[path.name] = path.read_bytes()
        return contents

    def end(self) -> None:
        """End what runs, and unmount."""
        self.world.end()
        for volume in reversed(self.volumes):
            volume.unmount()
