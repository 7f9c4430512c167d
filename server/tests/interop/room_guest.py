"""A person with slixmpp who goes to rooms."""

import asyncio

import slixmpp
from slixmpp.exceptions import XMPPError
from slixmpp.plugins.xep_0402.stanza import Conference
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from claims import NotSeen

PATIENCE = 60
MUC = "http://jabber.org/protocol/muc"

PLUGINS = ("xep_0030", "xep_0045", "xep_0048", "xep_0049", "xep_0059", "xep_0060", "xep_0115",
           "xep_0163", "xep_0199", "xep_0203", "xep_0249", "xep_0308", "xep_0313", "xep_0359",
           "xep_0402", "xep_0410", "xep_0421", "xep_0424", "xep_0425")

EVENTS = ("session_start", "disconnected", "message", "groupchat_message", "groupchat_subject",
          "groupchat_presence", "groupchat_message_error", "groupchat_invite",
          "groupchat_direct_invite", "groupchat_config_status", "groupchat_affiliation_change",
          "message_correction", "message_retract", "moderated_message", "bookmark_publish")


class Kept:
    """What an archive has of a message: under which id, from whom, and the message itself."""

    def __init__(self, result):
        self.id = result["mam_result"]["id"]
        self.stanza = result["mam_result"]["forwarded"]["stanza"]
        self.nick = self.stanza["from"].resource
        self.body = self.stanza["body"]


class Guest(slixmpp.ClientXMPP):
    """Keeps what comes until it is asked for, in whatever order that is."""

    def __init__(self, jid, password, server):
        super().__init__(jid, password)
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self.ca_certs = server.ca
        self.enable_plaintext = False
        self.enable_direct_tls = False
        self.port = server.c2s
        self.came, self.news = [], asyncio.Event()
        for event in EVENTS:
            self.add_event_handler(event, lambda what, event=event: self.note(event, what))
        self.register_handler(Callback("presence errors", StanzaPath("presence@type=error"),
                                       lambda what: self.note("presence_error", what)))
        self.muc = self.plugin["xep_0045"]

    def note(self, event, what):
        self.came.append((event, what))
        self.news.set()

    def take(self, event, test):
        """The first of that kind which passes the test, and which nobody has taken yet."""
        for at, (kind, what) in enumerate(self.came):
            if kind == event and test(what):
                return self.came.pop(at)[1]

    async def expect(self, event, test=lambda what: True):
        async def wait():
            while True:
                found = self.take(event, test)
                if found is not None:
                    return found
                self.news.clear()
                await self.news.wait()
        return await self.within(event, wait())

    async def within(self, what, awaitable):
        try:
            return await asyncio.wait_for(awaitable, PATIENCE)
        except asyncio.TimeoutError:
            raise NotSeen(f"{self.boundjid}: no {what} within {PATIENCE} s") from None

    async def online(self):
        """Logs in, becomes available, and wants to hear of its bookmarks."""
        self.connect("127.0.0.1", self.port)
        await self.expect("session_start")
        await self.within("roster", self.get_roster())
        # slixmpp keeps what is wanted by the full JID, which is known by now.
        self.plugin["xep_0163"].register_pep("bookmark", Conference)
        await self.within("caps", self.plugin["xep_0115"].update_caps(broadcast=False))
        self.send_presence()
        await self.fence()
        return self

    async def fence(self):
        """Everything that was sent before has been handled when this returns."""
        await self.within("pong", self.plugin["xep_0199"].send_ping(self.boundjid.domain))

    async def offline(self):
        await self.within("end", self.disconnect())

    async def refused(self, what, awaitable):
        """The condition of the error that comes instead of what was asked for."""
        try:
            await self.within(what, awaitable)
        except XMPPError as error:
            return error.condition
        return "nothing of the kind"

    async def information(self, jid):
        answer = await self.within("disco#info", self.plugin["xep_0030"].get_info(jid))
        return answer["disco_info"]

    async def listing(self, jid):
        """The addresses among the items of somebody."""
        answer = await self.within("disco#items", self.plugin["xep_0030"].get_items(jid))
        return {slixmpp.JID(jid) for jid, _, _ in answer["disco_items"]["items"]}

    async def enters(self, room, nick, **options):
        """Own presence, subject, those who are there, and what was said before."""
        return await self.within(f"way into {room}", self.muc.join_muc_wait(
            room, nick, timeout=PATIENCE, **options))

    async def turned_away(self, room, nick):
        """The condition of the error at the door."""
        condition = await self.refused("answer at the door", self.muc.join_muc_wait(
            room, nick, timeout=PATIENCE))
        # slixmpp thinks that it is in a room at which it has knocked, and ignores invitations.
        self.muc.rooms[None].pop(room, None)
        return condition

    async def leaves(self, room, nick):
        self.muc.leave_muc(room, nick)
        return await self.expect("groupchat_presence", lambda presence: (
            presence["from"] == f"{room}/{nick}" and presence["type"] == "unavailable"))

    def says(self, room, text):
        self.send_message(room, text, mtype="groupchat")

    async def hears(self, text):
        return await self.expect("groupchat_message", lambda message: message["body"] == text)

    async def sees(self, nick, *codes, **attributes):
        """The next presence from that nick with at least these codes, and that is so."""
        return await self.expect("groupchat_presence", lambda presence: (
            presence["from"].resource == nick
            and set(codes) <= presence["muc"]["status_codes"]
            and all(presence[name] == value for name, value in attributes.items())))

    async def archive(self, room, reverse=False, **page):
        """What the room's archive holds, from the first page to the last."""
        page = {"max": 50} | page
        found = self.plugin["xep_0313"].iterate(room, rsm=page, reverse=reverse)

        async def read():
            return [Kept(result) async for result in found]
        return await self.within(f"archive of {room}", read())

    async def shut_out(self, room):
        """The condition of the error that a question to the archive gets."""
        return await self.refused("answer", self.plugin["xep_0313"].retrieve(room))


def stanza_id(message, room):
    """The id that the room gave a message; there must be one of it."""
    found = [element.get("id") for element in message.xml.findall("{urn:xmpp:sid:0}stanza-id")
             if element.get("by") == room]
    return found[0] if len(found) == 1 else None


def occupant_id(stanza):
    element = stanza.xml.find("{urn:xmpp:occupant-id:0}occupant-id")
    return None if element is None else element.get("id")
