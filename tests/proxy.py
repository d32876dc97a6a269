"""A wire to a real server that can be cut, delayed, or lose replies at a chosen command."""

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable

Act = Callable[[], object]
FIRST_KEY = 160
"""How many bytes of a script's call have its first key: a commit's last keys are leases too."""
GREETINGS = ("HELLO", "CLIENT", "AUTH", "SELECT")


class Proxy:
    """
    A wire to a real server that can be cut.

    Every command reaches the server, and every reply comes back, but those that were chosen. Scripts
    are counted by their results; errors (NOSCRIPT) and the scripts of leases do not count. `which` is
    always counted from now on, beginning at 1.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._swallow: dict[int, Act] = {}
        self._before: dict[int, tuple[Act, bool]] = {}
        self._after: dict[int, Act] = {}
        self._once: dict[str, Act] = {}
        self._fates: Callable[[], str] | None = None
        self._late = 0.0
        self.scripts = 0
        """How many scripts the server ran to a result."""
        self.swallowed = 0
        """How many replies did not reach the client, or too late."""
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def swallow(self, *which: int, act: Act = lambda: None) -> None:
        """Lose the replies of these scripts: the client finds its connection closed, after `act`."""
        self._swallow = {self.scripts + n: act for n in which}

    def before(self, which: int, act: Act, *, instead: bool = False) -> None:
        """Do something just before the server gets the script that would be this result, or instead."""
        self._before[self.scripts + which] = act, instead

    def after(self, which: int, act: Act) -> None:
        """Do something in the instant after this script's reply was passed on."""
        self._after[self.scripts + which] = act

    def once(self, command: str, act: Act) -> None:
        """Do something just before the server gets the next command of this name."""
        self._once[command] = act

    def lose(self, fraction: float, seed: int, *, late: float) -> None:
        """
        Lose this fraction of the replies of all commands, chosen by the seed; greetings come through.

        The server ran the command; the client's connection is closed, or stays open and silent, or the
        reply comes `late` seconds too late.
        """
        chance = random.Random(seed)

        def fate() -> str:
            with self._lock:
                lost = chance.random() < fraction
                return chance.choice(("closed", "silent", "late")) if lost else ""

        self._fates, self._late = fate if fraction else None, late

    def cut(self) -> None:
        """Cut every connection there is."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _close(*pair)

    def calm(self) -> None:
        """Forget everything that was to be done."""
        self._fates = None
        for acts in (self._swallow, self._before, self._after, self._once):
            acts.clear()

    def close(self) -> None:
        """Take no more connections, and cut those there are."""
        # A close alone would let a waiting accept() take one more connection.
        _close(self._listener)
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._pairs.append((client, server))
            asked: list[str] = []
            for target in (self._forth, self._back):
                threading.Thread(target=target, args=(client, server, asked), daemon=True).start()

    def _forth(self, client: socket.socket, server: socket.socket, asked: list[str]) -> None:
        try:
            while data := client.recv(1 << 20):
                if name := _command(data):
                    if act := self._once.pop(name, None):
                        act()
                    if name.startswith("EVAL"):
                        act, instead = self._before.pop(self.scripts + 1, (None, False))
                        if act:
                            act()
                        if instead:
                            break
                    asked[:] = [name]
                server.sendall(data)
        except OSError:
            pass
        _close(client, server)

    def _back(self, client: socket.socket, server: socket.socket, asked: list[str]) -> None:
        try:
            while data := server.recv(1 << 20):
                name = asked.pop() if asked else ""
                act: Act | None = None
                if name.startswith("EVAL") and not data.startswith(b"-"):
                    self.scripts += 1
                    act = self._after.pop(self.scripts, None)
                    if self.scripts in self._swallow:
                        self.swallowed += 1
                        self._swallow[self.scripts]()
                        break
                if self._fates and name and name not in GREETINGS and (fate := self._fates()):
                    self.swallowed += 1
                    if fate == "closed":
                        break
                    if fate == "silent":
                        continue
                    time.sleep(self._late)
                client.sendall(data)
                if act:
                    act()
        except OSError:
            pass
        _close(client, server)


def _command(data: bytes) -> str:
    """Return the name of the command that begins here, if one does."""
    parts = data[:64].split(b"\r\n", 3)
    if len(parts) < 4 or parts[0][:1] != b"*" or parts[1][:1] != b"$":
        return ""
    name = parts[2].decode("ascii", "replace").upper()
    return "LEASE" if name.startswith("EVAL") and b"ingest:lease:" in data[:FIRST_KEY] else name


def _close(*sockets: socket.socket) -> None:
    for connection in sockets:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()
