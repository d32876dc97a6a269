"""What Py4J logs stays out of the program's output, and nothing else does."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from py4j.protocol import ERROR

from tests.harness import HANG, ROOT


@pytest.fixture
def hung_up() -> Iterator[int]:
    """A port where whoever connects is hung up on, as by a JVM that was killed."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


PROGRAM = """
import logging, sys
from py4j.java_gateway import GatewayClient
from streaming.spark import gateway

logging.basicConfig(level=logging.INFO, format="%(message)s")
gateway.silence()
print(GatewayClient(port=int(sys.argv[1])).send_command("x"))
logging.getLogger("py4j.clientserver").error("no")
logging.getLogger("others").info("yes")
"""


def test_py4j_is_silent_about_a_jvm_that_is_gone_and_others_are_not(hung_up: int) -> None:
    """In a process of its own: libraries of other tests configure loggers too."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(hung_up)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=HANG,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ERROR}\n", "yes\n")
