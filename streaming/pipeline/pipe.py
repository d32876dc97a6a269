"""
The driver's end of the pipe to Spark's source (`source.Reader`): a Unix socket that hands out files.

The socket has no file: its name is abstract (unix(7)), so its length is known, and nothing is left when
the process is killed. As anybody on the machine may connect to such a name, others' users are refused.
"""

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from uuid import uuid4

from streaming.domain.file import File

NOTHING = File(0, "", 0)
"""The row of an answer without files: with it, Spark loads what the first rows need (0.5 s)."""

_CREDENTIALS = struct.Struct("3i")  # SO_PEERCRED: pid, uid, gid


class Pipe:
    """
    Answers the source with what `answer` returns: files, or None for none.

    It answers one connection after another, in a thread, until it is closed. If `answer` raises, the
    connection is closed, which ends the query, and `failed` is called with the error.

    Attributes:
        address: the name of the socket.
    """

    def __init__(
        self, answer: Callable[[], Sequence[File] | None], failed: Callable[[BaseException], None]
    ) -> None:
        self._answer = answer
        self._failed = failed
        self._handed: list[File] = []
        self.address = f"city-features-{uuid4().hex}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"\0{self.address}")
        self._listener.listen()
        threading.Thread(target=self._serve, name="pipe", daemon=True).start()

    def take(self) -> list[File]:
        """Return the files of the last answer, once; Spark hands them over before it asks again."""
        files, self._handed = self._handed, []
        return files

    def close(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)  # `accept` returns
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            with connection:
                if _user(connection) == os.geteuid():
                    self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        """Answer one source until its process ends."""
        try:
            with connection.makefile("rw", encoding="utf-8") as lines:
                for _ in lines:
                    files = self._answer()
                    self._handed = list(files or ())
                    rows = None if files is None else [_row(file) for file in files or [NOTHING]]
                    lines.write(json.dumps(rows) + "\n")
                    lines.flush()
        except ConnectionError:  # it ended: the query fails, and is started again
            return
        except BaseException as error:
            self._failed(error)


def _user(connection: socket.socket) -> int:
    """Return the user at the other end."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])


def _row(file: File) -> tuple[str, int, int]:
    """Return a file as a row of the stream; Spark's text is UTF-8."""
    return os.fsencode(file.path).decode(errors="replace"), file.size, file.mtime
