"""`cloister demo` in a directory and on ports of its own."""

import contextlib
import pathlib
import re
import subprocess
import sys
import tempfile

import ports
from claims import claim

PATIENCE = 60


class Demo:
    """A server that can be ended and started again with what it has."""

    def __init__(self, cloister, directory):
        self.directory = pathlib.Path(directory)
        self.c2s, self.tls, self.https = ports.free(3)
        self.command = [cloister, "demo", "--dir", directory, "--c2s-port", str(self.c2s),
                        "--tls-port", str(self.tls), "--https-port", str(self.https)]
        self.server = None

    def start(self):
        self.server = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        for line in self.server.stdout:
            if line.startswith("Ready"):
                return
        sys.exit("the demo did not start")

    def stop(self):
        self.server.terminate()
        claim("the server ends when told to", self.server.wait(PATIENCE) == 0)

    def kill(self):
        self.server.kill()
        self.server.wait(PATIENCE)

    @property
    def ca(self):
        """The certificate of the authority that the server's own is from."""
        return self.directory / "ca.pem"

    @property
    def accounts(self):
        """Addresses and passwords: alice's, then bob's."""
        text = (self.directory / "accounts.txt").read_text()
        return re.findall(r"^(\S+@\S+)\s+(\S+)$", text, re.MULTILINE)


@contextlib.contextmanager
def running(cloister):
    """A demo that has just been made, and is gone afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        demo = Demo(cloister, directory)
        demo.start()
        try:
            yield demo
        finally:
            demo.stop()
