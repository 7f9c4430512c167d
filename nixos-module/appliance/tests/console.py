"""The console's conversation, on a real terminal: what is typed becomes a file that another unit acts upon.

Needs bash, coreutils, util-linux, iproute2, jq and openssl; stands in for `cloister` and `lsblk`.
"""

import os
import pty
import select
import stat
import sys
import tempfile
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
PARTS = ("names", "addresses", "disks", "screens", "console")
CLOISTER = """#!/usr/bin/env bash
# As `cloister` answers: an invitation, whether it is open, and the accounts in $STANDIN/accounts.
shift 2
case "$1 $2" in
  "user list") cat "$STANDIN/accounts" ;;
  "invite list") cat "$STANDIN/invitations" ;;
  "invite create")
    echo made >>"$STANDIN/made"
    echo '[{"link": "https://a.org/invite/t0ken", "state": "open"}]' >"$STANDIN/invitations"
    printf 'An account.\\n\\n  Link    https://a.org/invite/t0ken\\n  Revoke  cloister invite revoke 42\\n\\n\\033[7mCODE\\033[0m\\n'
    ;;
  "invite revoke") echo "$3" >>"$STANDIN/revoked" ;;
esac
"""
LSBLK = """#!/usr/bin/env bash
echo '{"blockdevices": [{"name": "vdb", "type": "disk", "size": 10737418240, "ro": false, "fstype": null,
  "pttype": null, "label": null, "mountpoints": [null], "model": null}]}'
"""


class Console:
    """The script on a terminal, in a folder of its own."""

    def __init__(self, folder, live=""):
        self.folder = folder
        for name in ("bin", "identity", "certificate", "state", "run", "standin"):
            (folder / name).mkdir(exist_ok=True)
        for name, text in (("cloister", CLOISTER), ("lsblk", LSBLK)):
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)
        program = folder / "console"
        program.write_text("set -o errexit -o nounset -o pipefail\n" + "\n".join(
            (SCRIPTS / f"{part}.sh").read_text() for part in PARTS))
        self.environment = {
            "PATH": f"{folder}/bin:{os.environ['PATH']}", "STANDIN": f"{folder}/standin",
            "CONFIG": "/dev/null", "IDENTITY": f"{folder}/identity", "CERTIFICATE": f"{folder}/certificate",
            "AUTHORITY": "https://acme.test/dir", "ADMIN_SOCKET": f"{folder}/admin.sock",
            "KEYS_FILE": f"{folder}/keys", "LIVE": live, "STATE_DIRECTORY": f"{folder}/state",
            "RUNTIME_DIRECTORY": f"{folder}/run", "TERM": "linux",
        }
        self.seen = ""
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.execvpe("bash", ["bash", str(program)], self.environment)

    def type(self, text):
        os.write(self.terminal, text.encode() + b"\n")

    def shows(self, text):
        self.waits(lambda: text in self.seen, f"the console to show {text!r}")
        self.seen = self.seen.partition(text)[2]

    def waits(self, condition, what):
        end = time.monotonic() + 60
        while not condition():
            if time.monotonic() > end:
                sys.exit(f"FAILED  waited for {what}; it shows:\n{self.seen}")
            if select.select([self.terminal], [], [], 0.1)[0]:
                self.seen += os.read(self.terminal, 65536).decode(errors="replace")

    def file(self, name):
        path = self.folder / name
        self.waits(path.exists, f"the file {name}")
        return path.read_text()

    def ends(self):
        os.kill(self.process, 9)
        os.waitpid(self.process, 0)
        os.close(self.terminal)


def domain_is_asked_for(folder):
    console = Console(folder)
    console.shows("Type the domain and press Enter:")
    console.type("$(reboot)")
    console.shows("That is not the name of a domain")
    console.type("vdb")
    console.shows("That is not the name of a domain")
    console.type("Chat.Example.org")
    console.shows("The domain is chat.example.org.")
    assert console.file("state/domain") == "chat.example.org\n"
    console.ends()


def domain_can_be_corrected_until_it_is_certified(folder):
    (folder / "identity").mkdir()
    (folder / "certificate").mkdir()
    (folder / "identity/domain").write_text("wrong.org\n")
    (folder / "certificate/state").write_text("missing\n")
    console = Console(folder)
    console.shows("The domain is wrong.org. It waits for the DNS.")
    console.type("")
    assert console.file("run/retry") == ""
    console.type("a.org")
    console.shows("The domain is a.org.")
    assert console.file("state/domain") == "a.org\n"
    (folder / "identity/domain").write_text("a.org\n")
    (folder / "identity/issued").write_text("a.org\n")
    (folder / "state/domain").unlink()
    console.shows("the server is starting")
    console.type("b.org")
    console.type("c.org")
    console.shows("c.org")
    assert not (folder / "state/domain").exists()
    console.ends()


def only_an_empty_disk_is_formatted(folder):
    console = Console(folder, live=str(folder))
    console.shows("everything is LOST")
    console.shows("vdb  10 GiB")
    console.type("vda")
    console.shows("That is not the name of a domain")
    assert not (folder / "run/format").exists()
    console.type("vdb")
    assert console.file("run/format") == "vdb\n"
    console.ends()


def an_invitation_is_made_once_and_shown_until_there_is_an_administrator(folder):
    import socket
    (folder / "identity").mkdir()
    (folder / "standin").mkdir()
    for name in ("domain", "issued"):
        (folder / "identity" / name).write_text("a.org\n")
    (folder / "standin/accounts").write_text("[]")
    (folder / "standin/invitations").write_text("[]")
    admin = socket.socket(socket.AF_UNIX)
    admin.bind(str(folder / "admin.sock"))
    for _ in range(2):
        console = Console(folder)
        console.shows("CODE")
        console.shows("https://a.org/invite/t0ken")
        console.ends()
    assert (folder / "standin/made").read_text() == "made\n", "after a restart it is the same one"
    kept = folder / "state/invitation"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    console = Console(folder)
    console.shows("CODE")
    (folder / "standin/accounts").write_text('[{"jid": "alice@a.org", "admin": true, "disabled": false}]')
    console.shows("a.org is served.")
    assert not kept.exists()
    assert (folder / "standin/revoked").read_text() == "42\n", "it was not needed, and is withdrawn"
    console.ends()


def main():
    tests = (domain_is_asked_for, domain_can_be_corrected_until_it_is_certified, only_an_empty_disk_is_formatted,
             an_invitation_is_made_once_and_shown_until_there_is_an_administrator)
    for test in tests:
        with tempfile.TemporaryDirectory() as folder:
            test(Path(folder))
        print(f"ok      {test.__name__.replace('_', ' ')}", flush=True)
    print(f"{len(tests)} passed, 0 failed")


main()
