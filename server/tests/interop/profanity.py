"""Profanity, a client for terminals, played by a script. Its OMEMO is by libsignal-protocol-c.

It runs in tmux with directories of its own. Nothing here sleeps blindly: what is typed next depends
on what the screen says.
"""

import asyncio
import os
import pathlib
import re
import subprocess

from claims import NotSeen

PATIENCE = 60
COLUMNS, LINES = 160, 120

SETTINGS = """\
[ui]
splash=false
[notifications]
message=false
[omemo]
policy=always
trustmode=blind
"""

ACCOUNT = """\
[{jid}]
enabled=true
jid={jid}
resource=profanity
server=127.0.0.1
port={port}
tls.policy=force
password={password}
"""


class Profanity:
    """One account's client. The directory is for its files and has to be empty."""

    def __init__(self, directory, jid, password, port, ca):
        self.home = pathlib.Path(directory)
        self.jid = jid
        for name, text in (("config/profanity/profrc", SETTINGS),
                           ("data/profanity/accounts",
                            ACCOUNT.format(jid=jid, port=port, password=password))):
            file = self.home / name
            file.parent.mkdir(parents=True)
            file.write_text(text)
        # OpenSSL takes the authorities from SSL_CERT_FILE: nobody has to click a certificate away.
        self.env = os.environ | {
            "HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_DATA_HOME": str(self.home / "data"), "SSL_CERT_FILE": str(ca),
            "LC_ALL": "C.UTF-8"}
        self.env.pop("TMUX", None)
        self.log = self.home / "log"

    def __enter__(self):
        self.tmux("new-session", "-d", "-x", str(COLUMNS), "-y", str(LINES),
                  "profanity", "-l", "DEBUG", "-f", str(self.log), "-a", self.jid)
        return self

    def __exit__(self, *_):
        self.tmux("kill-server", check=False)

    def tmux(self, *arguments, check=True):
        command = ["tmux", "-u", "-f", "/dev/null", "-S", str(self.home / "tmux"), *arguments]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True,
                              timeout=PATIENCE)
        if check and done.returncode:
            raise NotSeen(f"tmux {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def screen(self):
        """What the screen says, without the rest of a line that was too long for it."""
        return self.tmux("capture-pane", "-p", "-t", "0")

    def type(self, line):
        self.tmux("send-keys", "-t", "0", "-l", "--", line)
        self.tmux("send-keys", "-t", "0", "Enter")

    async def shows(self, pattern):
        """Waits until the screen shows it."""
        wanted = re.compile(pattern)
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not (found := wanted.search(self.screen())):
            if asyncio.get_running_loop().time() > deadline:
                raise NotSeen(f"profanity does not show {pattern!r}")
            await asyncio.sleep(0.1)
        return found

    def last_words(self):
        """The screen, and the end of the log: what somebody needs to see why it went wrong."""
        screen = self.tmux("capture-pane", "-p", "-t", "0", check=False)
        screen = "\n".join(line for line in screen.splitlines() if line.strip())
        log = self.log.read_text(errors="replace") if self.log.exists() else ""
        lines = "\n".join(line[:400] for line in log.splitlines()[-60:])
        return f"--- the screen of profanity\n{screen}\n--- the end of its log\n{lines}"

    @staticmethod
    def version():
        done = subprocess.run(["profanity", "--version"], capture_output=True, text=True)
        return done.stdout.splitlines()[0]

    async def online(self):
        await self.shows(rf"{re.escape(self.jid)}/\S+ logged in successfully")

    async def with_keys(self):
        """Makes keys and publishes them. What is returned is the id of the device."""
        self.type("/omemo gen")
        found = await self.shows(r"materials generated\. Your Device ID is (\d+)")
        # COMPAT(profanity, 0.13): it adds itself to a list only if there is one, or if the error
        # has code='404', as errors had before RFC 3920. So an empty list first.
        self.type("/omemo clear_device_list")
        await self.shows(rf"Going to publish own device ID: {found[1]}")
        await self.shows(rf"Blind trust for {re.escape(self.jid)} device {found[1]}")
        return int(found[1])

    async def befriends(self, jid):
        """A subscription in both directions with somebody who says yes to everything."""
        self.type(f"/roster add {jid}")
        await self.shows(rf"Roster item added: {re.escape(jid)}")
        self.type(f"/sub request {jid}")
        await self.shows(rf"uthorization request from {re.escape(jid)}")
        self.type(f"/sub allow {jid}")
        await self.shows(rf"Accepted subscription for {re.escape(jid)}")

    async def starts(self, jid):
        """Opens a conversation that is encrypted."""
        self.type(f"/omemo start {jid}")
        await self.shows(r"\[OMEMO\]")

    async def hears(self, text):
        """Shows it as something that was encrypted, which has a mark."""
        await self.shows(rf"~ \S+: {re.escape(text)}")

    async def trusts(self, jid, device):
        """A session with a device of somebody is there. To be called in the first window."""
        await self.shows(rf"Blind trust for {re.escape(jid)} device {device}\b")
