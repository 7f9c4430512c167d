#!/usr/bin/env python3
"""Rooms, with slixmpp, a client library that nobody here wrote, on `cloister demo`.

    rooms_chat.py PATH-TO-CLOISTER

alice makes a room that only members enter, bob is invited, they talk, and bob reads what was said
after he had left. carol is no member, and gets nothing. Then the server is started again, a message
is taken back, bob is expelled, carol comes late, and the room is destroyed. At last a room in which
everything is encrypted by OMEMO. Each claim is one line of output; the last line counts them. Exits
with 1 if one failed. Needs slixmpp and slixmpp-omemo.
"""

import asyncio
import logging
import subprocess
import sys
import traceback

import slixmpp
import slixmpp_omemo
from slixmpp.plugins.xep_0410 import PingStatus

import demo
from claims import NotSeen, claim, conclusion, remark
from omemo_room import sealed_room
from room_guest import MUC, Guest, occupant_id, stanza_id
from room_order import Order

NAME = "Der Garten & <Co> 🌳"
CAROL, HER_PASSWORD = "carol@localhost", "the third of the accounts"


class Evening(Order):
    """What three people do, and the room that they do it in."""

    def __init__(self, server):
        self.server = server
        self.met = []

    async def play(self):
        await self.everybody_comes()
        await self.service()
        await self.creation()
        await self.membership()
        await self.invitations()
        await self.entry()
        await self.talk()
        await self.second_device()
        await self.whispers()
        await self.subject()
        await self.nicks()
        await self.absence()
        await self.outsider()
        await self.restart()
        await self.moderation()
        await self.kick()
        await self.expulsion()
        await self.late_joiner()
        await self.destruction()
        for guest in (self.alice, self.bob, self.carol):
            await guest.offline()

    async def everybody_comes(self):
        accounts = [*self.server.accounts, (CAROL, HER_PASSWORD)]
        self.alice, self.bob, self.carol = [await self.comes(*account) for account in accounts]

    async def comes(self, jid, password):
        guest = Guest(jid, password, self.server)
        # Whoever was forgotten here before slixmpp is done with it would be complained about.
        self.met.append(guest)
        return await guest.online()

    async def service(self):
        """XEP-0045 §6.1."""
        services = [(jid, await self.alice.information(jid))
                    for jid in await self.alice.listing(self.alice.boundjid.domain)]
        rooms = [(jid, about) for jid, about in services if MUC in about["features"]]
        if len(rooms) != 1:
            raise NotSeen(f"{len(rooms)} services for rooms among {services}")
        jid, about = rooms[0]
        claim("the domain lists a service for rooms", any(
            identity[:2] == ("conference", "text") for identity in about["identities"]))
        self.room = slixmpp.JID(f"garden@{jid}")

    async def creation(self):
        """XEP-0045 §10.1."""
        presence, *_ = await self.alice.enters(self.room, "Alice")
        claim("alice makes a room by entering it", {110, 201} <= presence["muc"]["status_codes"])
        claim("and owns it", (presence["muc"]["affiliation"], presence["muc"]["role"])
              == ("owner", "moderator"))
        claim("nobody else enters before she has said what it is to be",
              await self.bob.turned_away(self.room, "Bob") == "item-not-found")
        form = await self.alice.within("form", self.alice.muc.get_room_config(self.room))
        offered = form.get_values()
        claim("she gets a form", form["type"] == "form"
              and offered["FORM_TYPE"] == [f"{MUC}#roomconfig"])
        self.wanted = {"muc#roomconfig_roomname": NAME, "muc#roomconfig_membersonly": True,
                       "muc#roomconfig_persistentroom": True, "muc#roomconfig_publicroom": False,
                       "muc#roomconfig_whois": "anyone", "muc#roomconfig_changesubject": False}
        claim("with a field for each of her wishes", set(self.wanted) <= set(offered))
        form.set_values(self.wanted)
        await self.alice.within("room", self.alice.muc.set_room_config(self.room, form))
        claim("what she wants is what it is", await self.configured())
        await self.description(self.alice)

    async def configured(self):
        form = await self.alice.within("form", self.alice.muc.get_room_config(self.room))
        values = form.get_values()
        # slixmpp reads a false value as None.
        return all(value == (values[var] or False) for var, value in self.wanted.items())

    async def description(self, guest):
        """XEP-0045 §6.4."""
        about = await guest.information(self.room)
        names = [name for category, _, _, name in about["identities"] if category == "conference"]
        claim("the room tells its name", names == [NAME])
        what = {"muc_membersonly", "muc_nonanonymous", "muc_persistent", "muc_hidden"}
        claim("and what kind of room it is", what <= set(about["features"]))
        can = {MUC, "urn:xmpp:mam:2", "urn:xmpp:sid:0", "urn:xmpp:occupant-id:0",
               "urn:xmpp:message-moderate:1", f"{MUC}#stable_id",
               f"{MUC}#self-ping-optimization"}
        missing = can - set(about["features"])
        claim("and what it can do" + "".join(f", not {name}" for name in missing), not missing)

    async def membership(self):
        """XEP-0045 §9.3, XEP-0402."""
        await self.alice.within("member", self.alice.muc.set_affiliation(
            self.room, "member", jid=self.bob.boundjid.bare))
        members = await self.alice.within("list", self.alice.muc.get_affiliation_list(
            self.room, "member"))
        claim("alice makes bob a member", members == [self.bob.boundjid.bare])
        news = await self.bob.expect("bookmark_publish")
        item = news["pubsub_event"]["items"]["item"]
        claim("bob's client is told of a bookmark for the room", item["id"] == self.room)
        mark = item["conference"]
        claim("and that it is to enter by itself", mark["autojoin"] and mark["name"] == NAME)
        answer = await self.bob.within("bookmarks", self.bob.plugin["xep_0048"].get_bookmarks())
        marks = [mark["jid"] for mark in answer["private"]["bookmarks"]["conferences"]]
        claim("a client of his that knows only older bookmarks has it as well",
              marks == [self.room])

    async def invitations(self):
        """XEP-0045 §7.8, XEP-0249."""
        self.alice.muc.invite(self.room, self.bob.boundjid.bare, "the roses are out")
        # As a new member he was invited already, without a word.
        invited = await self.bob.expect("groupchat_invite", lambda message: (
            message["muc"]["invite"]["reason"] == "the roses are out"))
        invite = invited["muc"]["invite"]
        claim("bob is invited by the room, which says by whom and why",
              invited["from"] == self.room and invite["reason"] == "the roses are out"
              and invite["from"].bare == self.alice.boundjid.bare)
        self.alice.plugin["xep_0249"].send_invitation(
            self.bob.boundjid.bare, self.room, reason="come in")
        invited = await self.bob.expect("groupchat_direct_invite", lambda message: (
            message["from"] == self.alice.boundjid))
        claim("and by alice herself", invited["groupchat_invite"]["jid"] == self.room)

    async def entry(self):
        """XEP-0045 §7.2."""
        presence, subject, others, _ = await self.bob.enters(self.room, "Bob")
        codes = presence["muc"]["status_codes"]
        claim("bob enters", presence["muc"]["affiliation"] == "member" and 110 in codes)
        claim("he is told that all see who he is, and that what is said is kept",
              {100, 170} <= codes)
        claim("no subject is set", not subject["subject"])
        alice = self.bob.muc.get_jid_property(self.room, "Alice", "jid")
        claim("he sees who is there", alice == self.alice.boundjid
              and [other["from"].resource for other in others][:1] == ["Alice"])
        seen = await self.alice.sees("Bob")
        claim("alice sees him", seen["muc"]["jid"] == self.bob.boundjid
              and (seen["muc"]["affiliation"], seen["muc"]["role"]) == ("member", "participant"))
        self.bob_id = occupant_id(seen)
        claim("both by the same occupant id", self.bob_id == occupant_id(presence) is not None)

    async def said(self, who, text):
        """Both hear what one of them says: what alice heard."""
        who.says(self.room, text)
        (heard, copy) = [await guest.hears(text) for guest in (self.alice, self.bob)]
        same = stanza_id(heard, self.room) == stanza_id(copy, self.room) is not None
        self.agreed &= same and heard["from"] == copy["from"]
        return heard

    async def talk(self):
        """XEP-0045 §7.4, XEP-0308, XEP-0359, XEP-0421, XEP-0424."""
        self.agreed = True
        message = self.alice.make_message(self.room, "Grüße & <hello> 👋", mtype="groupchat")
        message.send()
        heard, copy = [await guest.hears(message["body"]) for guest in (self.alice, self.bob)]
        claim("bob hears what alice says", copy["from"] == f"{self.room}/Alice")
        claim("alice hears it too, under the id that she gave it", heard["id"] == message["id"])
        for number in range(5):
            await self.said(self.bob, f"question {number} of five")
            heard = await self.said(self.alice, f"answer {number} of five")
        claim("all of it has an id of the room's, and the same for both", self.agreed)
        heard = await self.said(self.bob, "no, this has a mistoke")
        claim("bob's messages carry his occupant id", occupant_id(heard) == self.bob_id)
        mine = self.bob.plugin["xep_0308"].build_correction(
            heard["id"], self.room, mtype="groupchat", mbody="no, this has a mistake")
        mine.send()
        seen = await self.alice.expect("message_correction")
        claim("he corrects himself", seen["replace"]["id"] == heard["id"]
              and occupant_id(seen) == self.bob_id)
        await self.bob.hears("no, this has a mistake")
        heard = await self.said(self.bob, "that was too much")
        self.taken_back = stanza_id(heard, self.room)
        self.bob.plugin["xep_0424"].send_retraction(self.room, self.taken_back, "groupchat")
        seen = await self.alice.expect("message_retract")
        claim("he takes something back", seen["retract"]["id"] == self.taken_back
              and occupant_id(seen) == self.bob_id)

    async def second_device(self):
        """XEP-0045 §7.2.8."""
        tablet = await self.comes(*self.server.accounts[1])
        presence, *_ = await tablet.enters(self.room, "Bob", maxstanzas=0)
        claim("bob's other device enters under the same nick",
              110 in presence["muc"]["status_codes"])
        heard = await self.said(self.alice, "there are two of you")
        copy = await tablet.hears(heard["body"])
        claim("both devices hear what is said",
              stanza_id(copy, self.room) == stanza_id(heard, self.room))
        await tablet.leaves(self.room, "Bob")
        await tablet.offline()
        await self.said(self.alice, "there is one of you")
        claim("one leaves, and the other stays",
              sorted(self.alice.muc.get_roster(self.room)) == ["Alice", "Bob"])

    async def whispers(self):
        """XEP-0045 §7.5."""
        message = self.alice.make_message(f"{self.room}/Bob", "between you and me", mtype="chat")
        message.enable("muc")
        message.send()
        heard = await self.bob.expect("message", lambda message: message["type"] == "chat")
        claim("bob hears what alice says to him alone",
              (heard["from"], heard["body"]) == (f"{self.room}/Alice", "between you and me"))
        claim("and that it went by the room", heard.get_plugin("muc", check=True) is not None)

    async def subject(self):
        """XEP-0045 §8.1."""
        self.alice.muc.set_subject(self.room, "Rosen & Dornen")
        seen = [await guest.expect("groupchat_subject", lambda message: message["subject"])
                for guest in (self.alice, self.bob)]
        claim("the subject is what alice says", all(
            (message["subject"], message["from"]) == ("Rosen & Dornen", f"{self.room}/Alice")
            for message in seen))
        self.bob.muc.set_subject(self.room, "Unkraut")
        error = await self.bob.expect("groupchat_message_error")
        claim("bob may not change it", error["error"]["condition"] == "forbidden")

    async def nicks(self):
        """XEP-0045 §7.6, XEP-0410."""
        self.bob.send_presence(pto=f"{self.room}/Alice")
        error = await self.bob.expect("presence_error", lambda presence: (
            presence["from"] == f"{self.room}/Alice"))
        claim("bob cannot be Alice", error["error"]["condition"] == "conflict")
        nick = await self.bob.within("nick", self.bob.muc.set_self_nick(self.room, "Robert"))
        claim("but Robert", nick == "Robert")
        seen = await self.alice.sees("Bob", 303, type="unavailable")
        claim("alice sees how he is called now", seen["muc"]["item_nick"] == "Robert")
        seen = await self.alice.sees("Robert")
        claim("and that it is still he", occupant_id(seen) == self.bob_id)
        ping = self.bob.plugin["xep_0410"].send_self_ping
        claim("his client finds out that he is in the room",
              await ping(f"{self.room}/Robert") == PingStatus.JOINED)
        heard = await self.said(self.bob, "Robert it is")
        claim("his messages come from there", heard["from"] == f"{self.room}/Robert")

    async def absence(self):
        """XEP-0045 §7.14, XEP-0313."""
        last = (await self.bob.archive(self.room))[-1]
        gone = await self.bob.leaves(self.room, "Robert")
        claim("bob leaves", 110 in gone["muc"]["status_codes"])
        await self.alice.sees("Robert", type="unavailable")
        claim("alice sees him go", self.alice.muc.get_roster(self.room) == ["Alice"])
        ping = self.bob.plugin["xep_0410"].send_self_ping
        claim("his client finds out that he is not in the room",
              await ping(f"{self.room}/Robert") == PingStatus.DISCONNECTED)
        texts = [f"while bob was out {number}" for number in range(3)]
        for text in texts:
            self.alice.says(self.room, text)
        ids = [stanza_id(await self.alice.hears(text), self.room) for text in texts]
        missed = await self.bob.archive(self.room, after=last.id)
        claim("from outside he reads in the archive what he has missed",
              [(kept.nick, kept.body) for kept in missed] == [("Alice", text) for text in texts])
        claim("under the ids that alice has for it", [kept.id for kept in missed] == ids)
        self.archived = await self.bob.archive(self.room)
        bodies = [kept.body for kept in self.archived]
        claim("the archive has all that was said, once and in order",
              [body for body in bodies if body.startswith(("question", "answer"))]
              == [f"{what} {number} of five" for number in range(5)
                  for what in ("question", "answer")])
        claim("and nothing that was said to one alone", "between you and me" not in bodies)
        there, back = [[kept.id for kept in await self.bob.archive(self.room, reverse, max=4)]
                       for reverse in (False, True)]
        claim("page by page it is the same, in both directions",
              there == back[::-1] == [kept.id for kept in self.archived])

    async def restart(self):
        self.server.stop()
        for guest in (self.alice, self.bob, self.carol):
            await guest.expect("disconnected")
        self.server.start()
        await self.everybody_comes()
        presence, subject, _, history = await self.alice.enters(self.room, "Alice", maxstanzas=3)
        claim("after a restart of the server alice enters the same room",
              201 not in presence["muc"]["status_codes"]
              and presence["muc"]["affiliation"] == "owner")
        claim("the subject is what it was", subject["subject"] == "Rosen & Dornen")
        claim("she hears what was said last", [message["body"] for message in history]
              == [f"while bob was out {number}" for number in range(3)])
        claim("the room is as she wanted it", await self.configured())
        members = await self.alice.within("list", self.alice.muc.get_affiliation_list(
            self.room, "member"))
        claim("bob is a member", members == [self.bob.boundjid.bare])
        kept = await self.bob.archive(self.room)
        claim("the archive is the same", [(one.id, one.nick, one.body) for one in kept]
              == [(one.id, one.nick, one.body) for one in self.archived])
        claim("carol is not let in", await self.carol.turned_away(self.room, "Carol")
              == "registration-required")
        await self.bob.enters(self.room, "Bob")
        claim("bob is known by the same occupant id",
              occupant_id(await self.alice.sees("Bob")) == self.bob_id)


def third_account(cloister, server):
    subprocess.run([cloister, "user", "add", CAROL, "--password-file", "-", "--config",
                    server.directory / "cloister.toml"],
                   input=HER_PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL)


async def play(server):
    evening = Evening(server)
    await evening.play()
    await sealed_room(server, [*server.accounts, (CAROL, HER_PASSWORD)], evening.room.domain)


def main():
    # slixmpp-omemo warns of whoever has no keys yet.
    logging.basicConfig(level=logging.ERROR)
    with demo.running(sys.argv[1]) as server:
        third_account(sys.argv[1], server)
        try:
            asyncio.run(play(server))
        except Exception as reason:
            traceback.print_exc(file=sys.stdout)
            claim(f"everything that is waited for comes: {reason}", False)
    remark(f"with slixmpp {slixmpp.__version__}, slixmpp-omemo {slixmpp_omemo.__version__}")
    sys.exit(conclusion("rooms"))


if __name__ == "__main__":
    main()
