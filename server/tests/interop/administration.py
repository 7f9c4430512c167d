#!/usr/bin/env python3
"""Ad-hoc commands and administration with slixmpp, a client library that nobody here wrote.

    administration.py PATH-TO-CLOISTER

An operator's account administers `cloister demo` by XEP-0133: it makes an account, which logs in, changes
its password, disables and enables it, ends its session, tells everybody something, and removes it.
alice, who is no admin, sees none of that. Each claim is one line of output; the last line counts
them. Exits with 1 if one failed. Needs slixmpp.
"""

import asyncio
import logging
import subprocess
import sys

import slixmpp

import demo
from claims import NotSeen, claim, conclusion, remark

PATIENCE = 60
ADMIN = "http://jabber.org/protocol/admin"
PRINCE, HIS_PASSWORD = "prince@localhost", "rebellious subjects"
TYBALT = "tybalt@localhost"


class Person(slixmpp.ClientXMPP):
    """Somebody at a client, with the plugins for commands and administration."""

    def __init__(self, jid, password, server):
        super().__init__(jid, password)
        for plugin in ("xep_0004", "xep_0030", "xep_0050", "xep_0133", "xep_0199"):
            self.register_plugin(plugin)
        self.ca_certs = server.ca
        self.enable_plaintext = False
        self.enable_direct_tls = False
        self.demo = server
        self.came = asyncio.Queue()
        for event in ("session_start", "failed_auth", "message", "stream_error"):
            self.add_event_handler(event, lambda what, event=event: self.came.put_nowait((event, what)))

    async def expect(self, event):
        async def wait():
            while True:
                kind, what = await self.came.get()
                if kind == event:
                    return what
        try:
            return await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            raise NotSeen(f"{self.boundjid}: no {event} within {PATIENCE} s") from None

    async def online(self):
        self.connect("127.0.0.1", self.demo.c2s)
        await self.expect("session_start")
        self.send_presence()
        await self.plugin["xep_0199"].ping(self.boundjid.domain, timeout=PATIENCE)
        return self

    async def logs_in(self):
        """Whether the password is taken."""
        self.connect("127.0.0.1", self.demo.c2s)
        while True:
            kind, _ = await asyncio.wait_for(self.came.get(), PATIENCE)
            if kind in ("session_start", "failed_auth"):
                self.abort()
                return kind == "session_start"

    async def offline(self):
        await self.disconnect(wait=1.0)

    async def commands(self):
        items = await self.plugin["xep_0133"].get_commands(timeout=PATIENCE)
        return {node for _, node, _ in items["disco_items"]["items"]}

    async def command(self, name, **fields):
        """Carries a command out in the steps of the plugin; the last answer."""
        over = asyncio.get_running_loop().create_future()

        def done(iq, session):
            if not over.done():
                over.set_result(iq)

        def first(iq, session):
            if iq["command"]["status"] != "executing":
                return done(iq, session)
            form = iq["command"]["form"]
            form["type"] = "submit"
            form.set_values({var.replace("_", "-") if var == "password_verify" else var: value
                             for var, value in fields.items()})
            session["payload"] = form
            session["next"] = done
            self.plugin["xep_0050"].complete_command(session)

        session = {"next": first, "error": done}
        getattr(self.plugin["xep_0133"], name.replace("-", "_"))(session=session)
        try:
            return await asyncio.wait_for(over, PATIENCE)
        except asyncio.TimeoutError:
            raise NotSeen(f"{name}: no answer within {PATIENCE} s") from None

    async def does(self, what, name, **fields):
        answer = await self.command(name, **fields)
        claim(what, answer["type"] == "result" and answer["command"]["status"] == "completed")
        return answer["command"]

    async def is_refused(self, what, condition, name, **fields):
        answer = await self.command(name, **fields)
        claim(what, answer["type"] == "error" and answer["error"]["condition"] == condition)


async def play(server):
    alice = await Person(*server.accounts[0], server).online()
    prince = await Person(PRINCE, HIS_PASSWORD, server).online()

    admins = {node for node in await prince.commands() if node.startswith(ADMIN)}
    claim(f"an admin has {len(admins)} commands", f"{ADMIN}#add-user" in admins)
    others = {node for node in await alice.commands() if node.startswith(ADMIN)}
    claim("who is no admin has none of them", not others)
    await alice.is_refused("and cannot use them", "forbidden", "get-online-users-num")

    await prince.is_refused("two passwords that differ are refused", "bad-request", "add-user",
                            accountjid=TYBALT, password="king of cats", password_verify="cat")
    await prince.does("an account is made", "add-user", accountjid=TYBALT,
                      password="king of cats", password_verify="king of cats")
    await prince.is_refused("and not twice", "conflict", "add-user", accountjid=TYBALT,
                            password="king of cats", password_verify="king of cats")
    claim("its owner logs in", await Person(TYBALT, "king of cats", server).logs_in())

    await prince.does("its password is changed", "change-user-password", accountjid=TYBALT,
                      password="good king of cats")
    claim("the old one is not taken", not await Person(TYBALT, "king of cats", server).logs_in())
    tybalt = await Person(TYBALT, "good king of cats", server).online()
    claim("the new one is", True)

    numbers = (await prince.does("users are counted", "get-online-users-num"))["form"].get_values()
    claim("three are online", numbers["onlineusersnum"] == "3")
    lists = (await prince.does("users are listed", "get-registered-users-list"))["form"].get_values()
    claim("he is among them", TYBALT in lists["registereduserjids"])
    about = (await prince.does("statistics are told", "user-stats", accountjid=TYBALT))["form"].get_values()
    resources = about["onlineresources"]
    claim("his resource is among them", tybalt.boundjid.resource in resources)

    await prince.does("something is announced", "announce", announcement="Part, fools!")
    for person in (alice, tybalt):
        message = await person.expect("message")
        claim(f"{person.boundjid.user} hears it",
              message["body"] == "Part, fools!" and message["from"] == "localhost")

    await prince.does("his session is ended", "end-user-session", accountjids=[tybalt.boundjid.full])
    error = await tybalt.expect("stream_error")
    claim("he is told to come again", error["condition"] == "reset")
    tybalt.abort()
    await prince.does("he is disabled", "disable-user", accountjids=[TYBALT])
    claim("and does not log in", not await Person(TYBALT, "good king of cats", server).logs_in())
    await prince.does("he is enabled", "reenable-user", accountjids=[TYBALT])
    claim("and logs in", await Person(TYBALT, "good king of cats", server).logs_in())
    await prince.does("he is removed", "delete-user", accountjids=[TYBALT])
    claim("and is gone", not await Person(TYBALT, "good king of cats", server).logs_in())
    await prince.is_refused("for good", "item-not-found", "delete-user", accountjids=[TYBALT])

    answer = await prince.does("nobody removes himself", "delete-user", accountjids=[PRINCE])
    claim("which he is told", any(kind == "error" for kind, _ in answer["notes"]))
    await alice.offline()
    await prince.offline()


def main():
    # slixmpp leaves futures and tasks behind where a stream is broken off.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with demo.running(sys.argv[1]) as server:
        subprocess.run([sys.argv[1], "user", "add", PRINCE, "--admin", "--password-file", "-",
                        "--config", server.directory / "cloister.toml"],
                       input=HIS_PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL)
        try:
            asyncio.run(play(server))
        except NotSeen as error:
            claim(str(error), False)
    remark(f"with slixmpp {slixmpp.__version__}")
    sys.exit(conclusion("administration"))


main()
