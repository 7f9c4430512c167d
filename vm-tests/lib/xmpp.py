"""A client for the command line, so that a test script can do what a person does.

    xmpp [--host HOST] [--port PORT] [--direct] [--ca FILE] ACCOUNT COMMAND ...

ACCOUNT is alice, bob...; the domain and the password are those of lib/script.py. What was asked for
is on standard output, one thing a line; the exit status says whether it came. Made with slixmpp,
which knows nothing of Cloister.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import ssl
import sys
from xml.etree import ElementTree

import slixmpp
from slixmpp.exceptions import IqError

DOMAIN = os.environ.get("XMPP_DOMAIN", "cloister.test")
PATIENCE = int(os.environ.get("XMPP_PATIENCE", "300"))
MUC = "http://jabber.org/protocol/muc"
UPLOAD = "urn:xmpp:http:upload:0"
# slixmpp before 1.11 asks for channel binding even where its Python cannot have it in TLS 1.3, and
# then speaks as if it had not asked.
MECHANISM = None if "tls-exporter" in ssl.CHANNEL_BINDING_TYPES else "SCRAM-SHA-512"


def say(line):
    print(line, flush=True)


class Refused(Exception):
    """The server, or this client, did not want to. The text says why."""


class Person(slixmpp.ClientXMPP):
    """One client, which keeps what comes until somebody asks for it."""

    def __init__(self, arguments):
        password = os.environ.get("XMPP_PASSWORD", f"the password of {arguments.account}")
        super().__init__(f"{arguments.account}@{DOMAIN}", password, sasl_mech=MECHANISM)
        for plugin in ("xep_0030", "xep_0045", "xep_0059", "xep_0198", "xep_0199", "xep_0203",
                       "xep_0297", "xep_0313", "xep_0359"):
            self.register_plugin(plugin)
        self.ca_certs = arguments.ca
        self.enable_plaintext = False
        self.enable_starttls = not arguments.direct
        self.enable_direct_tls = arguments.direct
        if arguments.direct:
            # XEP-0368: a port that serves other protocols, too, tells by this what comes.
            self.ssl_context.set_alpn_protocols(["xmpp-client"])
        self.address = (arguments.host, arguments.port or (5223 if arguments.direct else 5222))
        self.add_filter("out_sync", self.keep, order=0)
        self.patient = False
        self.ended = asyncio.get_event_loop().create_future()
        self.started = asyncio.Event()
        self.heard = asyncio.Queue()
        self.add_event_handler("session_start", lambda _: self.started.set())
        self.shown = asyncio.Queue()
        self.add_event_handler("message", self.heard.put_nowait)
        for event in ("groupchat_presence", "presence_error"):
            self.add_event_handler(event, self.shown.put_nowait)
        for event in ("ssl_invalid_chain", "connection_failed", "failed_all_auth", "stream_error"):
            self.add_event_handler(event, lambda what, event=event: self.fail(f"{event}: {what}"))

    def keep(self, stanza):
        """What was about to be sent when the connection broke is sent later; slixmpp would forget it."""
        if self.transport:
            return stanza
        self.loop.call_soon(self.send, stanza)
        return None

    def fail(self, why):
        if not self.patient and not self.ended.done():
            self.ended.set_exception(Refused(why))

    async def within(self, work):
        """What the work gives, unless the connection or the patience is over before."""
        work = asyncio.ensure_future(work)
        await asyncio.wait({work, self.ended}, timeout=PATIENCE,
                           return_when=asyncio.FIRST_COMPLETED)
        if self.ended.done():
            raise self.ended.exception()
        if not work.done():
            raise Refused("it did not come")
        return work.result()

    async def online(self):
        self.connect(*self.address)
        await self.within(self.started.wait())
        self.send_presence()

    async def fence(self):
        """Everything that was sent before has been handled when this returns."""
        await self.within(self.plugin["xep_0199"].send_ping(DOMAIN))

    async def leave(self):
        """Says what it has, so that nobody sends it again (XEP-0198), and goes."""
        if self.plugin["xep_0198"].enabled_in:
            self.plugin["xep_0198"].send_ack()
        await self.fence()
        await self.disconnect()

    async def hears(self, kind=("chat", "normal")):
        """The next message with a body."""
        while True:
            message = await self.within(self.heard.get())
            if message["type"] in kind and message["body"]:
                return message

    async def ask(self, to, kind, payload):
        """The payload of the answer to an IQ."""
        iq = self.make_iq(ito=to, itype=kind)
        iq.append(ElementTree.fromstring(payload))
        return (await self.within(iq.send(timeout=PATIENCE))).xml


async def login(me, arguments):
    """Logs in; prints the version of TLS and the mechanism."""
    say(f"{me.socket.version()} {me.plugin['feature_mechanisms'].mech.name}")


async def send(me, arguments):
    """Says something to somebody; returns when the server has it."""
    for number in range(arguments.count):
        text = arguments.body if arguments.count == 1 else f"{arguments.body} {number}"
        me.send_message(arguments.to, text, mtype="chat")
    await me.fence()


async def hear(me, arguments):
    """Prints so many messages as they come."""
    for _ in range(arguments.count):
        say((await me.hears())["body"])


async def archive(me, arguments):
    """Prints what the archive holds, oldest first, with who said it."""
    query = {"rsm": {"max": 50}}
    if arguments.room:
        query["jid"] = slixmpp.JID(arguments.room)
    async for message in me.plugin["xep_0313"].iterate(**query):
        kept = message["mam_result"]["forwarded"]["stanza"]
        if kept["body"]:
            who = kept["from"].resource if arguments.room else kept["from"].user
            say(f"{who}: {kept['body']}")


async def slot(me, arguments):
    """Asks for room for a file (XEP-0363); prints where it goes to and where it can be fetched."""
    answer = await me.ask(f"upload.{DOMAIN}", "get", (
        f"<request xmlns='{UPLOAD}' filename='{arguments.name}' size='{arguments.size}'/>"))
    put, get = (answer.find(f".//{{{UPLOAD}}}{name}") for name in ("put", "get"))
    headers = {header.get("name"): header.text for header in put}
    say(json.dumps({"put": put.get("url"), "get": get.get("url"), "headers": headers}))


async def enter(me, where, arguments):
    """Enters a room; a new one becomes what its server makes of it. Gets no history unless asked."""
    presence = me.make_presence(pto=f"{where}/{arguments.account}")
    history = "<history maxstanzas='0'/>" if arguments.hear is None else ""
    presence.append(ElementTree.fromstring(f"<x xmlns='{MUC}'>{history}</x>"))
    presence.send()
    while True:
        answer = await me.within(me.shown.get())
        if answer["from"].bare != where:
            continue
        if answer["type"] == "error":
            raise Refused(answer["error"]["condition"])
        if 110 in answer["muc"]["status_codes"]:
            break
    if 201 in answer["muc"]["status_codes"]:
        await me.ask(where, "set", f"<query xmlns='{MUC}#owner'>"
                                   "<x xmlns='jabber:x:data' type='submit'/></query>")


async def room(me, arguments):
    """Enters a room, takes in members, prints so many messages of the room, says something."""
    where = arguments.room
    await enter(me, where, arguments)
    for name in arguments.member:
        await me.ask(where, "set", f"<query xmlns='{MUC}#admin'>"
                                   f"<item affiliation='member' jid='{name}@{DOMAIN}'/></query>")
    say("entered")
    for _ in range(arguments.hear or 0):
        message = await me.hears(("groupchat",))
        say(f"{message['from'].resource}: {message['body']}")
    for text in arguments.say:
        me.send_message(where, text, mtype="groupchat")
        while (await me.hears(("groupchat",)))["body"] != text:
            pass


async def stay(me, arguments):
    """Stays, whatever happens to the connection, and tells what it sees until it is terminated."""
    me.patient = True
    gone, lost = asyncio.Event(), asyncio.Event()
    asyncio.get_event_loop().add_signal_handler(signal.SIGTERM, gone.set)
    me.add_event_handler("session_start", lambda _: say("a new session"))
    me.add_event_handler("session_resumed", lambda _: say("resumed"))
    me.add_event_handler("disconnected", lambda _: lost.set())
    say("here")

    async def listens():
        while True:
            message = await me.heard.get()
            if message["body"]:
                say(f"{message['from'].user}: {message['body']}")

    async def returns():
        while True:
            await lost.wait()
            lost.clear()
            say("lost")
            me.connect(*me.address)

    async def tells():
        for number in range(arguments.count):
            me.send_message(arguments.tell, f"tick {number}", mtype="chat")
            await asyncio.sleep(arguments.every)

    tasks = [asyncio.ensure_future(work()) for work in (listens, returns)]
    if arguments.tell:
        tasks.append(asyncio.ensure_future(tells()))
    await gone.wait()
    for task in tasks:
        task.cancel()


def options():
    top = argparse.ArgumentParser(prog="xmpp", description=__doc__)
    top.add_argument("--host", default=os.environ.get("XMPP_HOST", DOMAIN))
    top.add_argument("--port", type=int)
    top.add_argument("--direct", action="store_true", help="TLS from the first byte on")
    top.add_argument("--ca", default=os.environ.get("XMPP_CA"))
    top.add_argument("--verbose", action="store_true")
    top.add_argument("account")
    commands = top.add_subparsers(required=True)

    def command(work):
        its = commands.add_parser(work.__name__, help=work.__doc__)
        its.set_defaults(work=work)
        return its

    command(login)
    its = command(send)
    its.add_argument("to")
    its.add_argument("body")
    its.add_argument("--count", type=int, default=1)
    command(hear).add_argument("--count", type=int, default=1)
    command(archive).add_argument("--room")
    its = command(slot)
    its.add_argument("name")
    its.add_argument("size", type=int)
    its = command(room)
    its.add_argument("room")
    its.add_argument("--member", action="append", default=[])
    its.add_argument("--say", action="append", default=[])
    its.add_argument("--hear", type=int)
    its = command(stay)
    its.add_argument("--tell")
    its.add_argument("--count", type=int, default=1)
    its.add_argument("--every", type=float, default=1.0)
    return top


async def main(arguments):
    me = Person(arguments)
    try:
        await me.online()
        await arguments.work(me, arguments)
        await me.leave()
    except IqError as error:
        raise Refused(error.condition) from error


if __name__ == "__main__":
    wanted = options().parse_args()
    logging.basicConfig(level=logging.DEBUG if wanted.verbose else logging.CRITICAL)
    try:
        asyncio.run(main(wanted))
    except Refused as reason:
        sys.exit(f"refused: {reason}")
