//! XML namespaces, by their short names.
//!
//! Our choice: one sorted table. A namespace that is in it never allocates: [`intern`] turns what a
//! peer wrote into the constant, so an element's namespace is one pointer and is compared as one.

/// Declares the constants and, from the same rows, the sorted table that [`intern`] searches.
macro_rules! namespaces {
    ($($(#[$doc:meta])* $name:ident = $uri:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $uri;)*
        static ALL: &[&str] = &[$($name),*];
    };
}

namespaces! {
    /// XEP-0384 0.3: the OMEMO most clients speak.
    OMEMO_LEGACY = "eu.siacs.conversations.axolotl";
    /// RFC 6120 §4.8.1: the stream itself.
    STREAMS = "http://etherx.jabber.org/streams";
    /// XEP-0077: its stream feature.
    REGISTER_FEATURE = "http://jabber.org/features/iq-register";
    /// XEP-0033: extended addressing.
    ADDRESS = "http://jabber.org/protocol/address";
    /// XEP-0115: entity capabilities.
    CAPS = "http://jabber.org/protocol/caps";
    /// XEP-0085: chat states.
    CHAT_STATES = "http://jabber.org/protocol/chatstates";
    /// XEP-0050: ad-hoc commands.
    COMMANDS = "http://jabber.org/protocol/commands";
    /// XEP-0030: what an entity is and can do.
    DISCO_INFO = "http://jabber.org/protocol/disco#info";
    /// XEP-0030: what an entity has.
    DISCO_ITEMS = "http://jabber.org/protocol/disco#items";
    /// XEP-0124: what wraps elements over HTTP.
    BOSH = "http://jabber.org/protocol/httpbind";
    /// XEP-0045: rooms, joining.
    MUC = "http://jabber.org/protocol/muc";
    /// XEP-0045: rooms, roles and affiliations.
    MUC_ADMIN = "http://jabber.org/protocol/muc#admin";
    /// XEP-0045: rooms, configuration.
    MUC_OWNER = "http://jabber.org/protocol/muc#owner";
    /// XEP-0045: rooms, to and from occupants.
    MUC_USER = "http://jabber.org/protocol/muc#user";
    /// XEP-0172: nicknames.
    NICK = "http://jabber.org/protocol/nick";
    /// XEP-0060: publish and subscribe.
    PUBSUB = "http://jabber.org/protocol/pubsub";
    /// XEP-0060: its error conditions.
    PUBSUB_ERRORS = "http://jabber.org/protocol/pubsub#errors";
    /// XEP-0060: notifications.
    PUBSUB_EVENT = "http://jabber.org/protocol/pubsub#event";
    /// XEP-0060: a node's owner.
    PUBSUB_OWNER = "http://jabber.org/protocol/pubsub#owner";
    /// XEP-0059: result set management.
    RSM = "http://jabber.org/protocol/rsm";
    /// XEP-0122: data forms validation.
    DATA_VALIDATE = "http://jabber.org/protocol/xdata-validate";
    /// XEP-0071: formatted text.
    XHTML_IM = "http://jabber.org/protocol/xhtml-im";
    /// Namespaces in XML §3: of the declarations themselves.
    XMLNS = "http://www.w3.org/2000/xmlns/";
    /// XML §2.12 `xml:lang`, bound to the prefix `xml` for ever.
    XML = "http://www.w3.org/XML/1998/namespace";
    /// RFC 6120 §4.8.3: stanzas between client and server.
    CLIENT = "jabber:client";
    /// XEP-0078: the login before SASL, only ever refused.
    AUTH = "jabber:iq:auth";
    /// XEP-0012: last activity.
    LAST = "jabber:iq:last";
    /// XEP-0049: private XML storage.
    PRIVATE = "jabber:iq:private";
    /// XEP-0077: in-band registration.
    REGISTER = "jabber:iq:register";
    /// RFC 6121 §2: the roster.
    ROSTER = "jabber:iq:roster";
    /// XEP-0092: software version.
    VERSION = "jabber:iq:version";
    /// XEP-0249: direct room invitations.
    CONFERENCE = "jabber:x:conference";
    /// XEP-0004: data forms.
    DATA_FORMS = "jabber:x:data";
    /// XEP-0091: how a delay was told before XEP-0203.
    DELAY_LEGACY = "jabber:x:delay";
    /// XEP-0027: OpenPGP of old clients.
    PGP_LEGACY = "jabber:x:encrypted";
    /// XEP-0066: out of band data.
    OOB = "jabber:x:oob";
    /// XEP-0048: bookmarks of old clients.
    BOOKMARKS_LEGACY = "storage:bookmarks";
    /// RFC 6351, XEP-0292: vCard4.
    VCARD4 = "urn:ietf:params:xml:ns:vcard-4.0";
    /// RFC 6120 §7: resource binding.
    BIND = "urn:ietf:params:xml:ns:xmpp-bind";
    /// RFC 7395: XMPP over WebSocket.
    FRAMING = "urn:ietf:params:xml:ns:xmpp-framing";
    /// RFC 6120 §6: SASL.
    SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
    /// RFC 3921 §3: session establishment, a no-op today.
    SESSION = "urn:ietf:params:xml:ns:xmpp-session";
    /// RFC 6120 §8.3: stanza error conditions.
    STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
    /// RFC 6120 §4.9: stream error conditions.
    STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams";
    /// RFC 6120 §5: STARTTLS.
    TLS = "urn:ietf:params:xml:ns:xmpp-tls";
    /// XEP-0084: avatars, the image.
    AVATAR_DATA = "urn:xmpp:avatar:data";
    /// XEP-0084: avatars, what there is.
    AVATAR_METADATA = "urn:xmpp:avatar:metadata";
    /// XEP-0386: Bind 2.
    BIND2 = "urn:xmpp:bind:0";
    /// XEP-0191: blocking.
    BLOCKING = "urn:xmpp:blocking";
    /// XEP-0191: its error condition.
    BLOCKING_ERRORS = "urn:xmpp:blocking:errors";
    /// XEP-0402: bookmarks.
    BOOKMARKS = "urn:xmpp:bookmarks:1";
    /// XEP-0280: message carbons.
    CARBONS = "urn:xmpp:carbons:2";
    /// XEP-0280 §6.2: its rules for what is copied.
    CARBONS_RULES = "urn:xmpp:carbons:rules:0";
    /// XEP-0333: displayed markers.
    CHAT_MARKERS = "urn:xmpp:chat-markers:0";
    /// XEP-0292: vCards of contacts.
    CONTACTS = "urn:xmpp:contacts";
    /// XEP-0352: client state indication.
    CSI = "urn:xmpp:csi:0";
    /// XEP-0203: delayed delivery.
    DELAY = "urn:xmpp:delay";
    /// XEP-0380: explicit message encryption.
    ENCRYPTION = "urn:xmpp:eme:0";
    /// XEP-0205: `stanza-too-big` and its like.
    APP_ERRORS = "urn:xmpp:errors";
    /// XEP-0215: external services.
    EXT_DISCO = "urn:xmpp:extdisco:2";
    /// XEP-0428: fallback indication.
    FALLBACK = "urn:xmpp:fallback:0";
    /// XEP-0484: fast re-authentication.
    FAST = "urn:xmpp:fast:0";
    /// RFC 6121 §3.4: subscription pre-approval.
    PRE_APPROVAL = "urn:xmpp:features:pre-approval";
    /// RFC 6121 §2.6: roster versions.
    ROSTER_VERSIONING = "urn:xmpp:features:rosterver";
    /// XEP-0297: stanza forwarding.
    FORWARD = "urn:xmpp:forward:0";
    /// XEP-0317: hats.
    HATS = "urn:xmpp:hats:0";
    /// XEP-0334: processing hints.
    HINTS = "urn:xmpp:hints";
    /// XEP-0363: file upload.
    HTTP_UPLOAD = "urn:xmpp:http:upload:0";
    /// XEP-0363: file upload, what a file is for.
    HTTP_UPLOAD_PURPOSE = "urn:xmpp:http:upload:purpose:0";
    /// XEP-0445: registration by invitation.
    IBR_TOKEN = "urn:xmpp:ibr-token:0";
    /// XEP-0319: last interaction.
    IDLE = "urn:xmpp:idle:1";
    /// XEP-0401: invitations; the first part of its commands, and its earlier stream feature.
    INVITE = "urn:xmpp:invite";
    /// XEP-0353: calls, ringing.
    JINGLE_MESSAGE = "urn:xmpp:jingle-message:0";
    /// XEP-0313: message archive.
    MAM = "urn:xmpp:mam:2";
    /// XEP-0313: more ways to ask.
    MAM_EXTENDED = "urn:xmpp:mam:2#extended";
    /// XEP-0313: the field `include-groupchat` is understood.
    MAM_GROUPCHAT_FIELD = "urn:xmpp:mam:2#groupchat-field";
    /// XEP-0490: displayed synchronisation.
    DISPLAYED = "urn:xmpp:mds:displayed:0";
    /// XEP-0308: last message correction.
    CORRECTION = "urn:xmpp:message-correct:0";
    /// XEP-0425: moderated retraction.
    MODERATION = "urn:xmpp:message-moderate:1";
    /// XEP-0424: message retraction.
    RETRACTION = "urn:xmpp:message-retract:1";
    /// XEP-0424: what is retracted leaves a tombstone in the archive.
    TOMBSTONE = "urn:xmpp:message-retract:1#tombstone";
    /// XEP-0421: occupant ids.
    OCCUPANT_ID = "urn:xmpp:occupant-id:0";
    /// XEP-0384: OMEMO.
    OMEMO = "urn:xmpp:omemo:2";
    /// XEP-0373: OpenPGP.
    OPENPGP = "urn:xmpp:openpgp:0";
    /// XEP-0379: pre-authenticated subscriptions.
    PRE_AUTH = "urn:xmpp:pars:0";
    /// XEP-0398: one avatar in PEP and in the vCard.
    PEP_VCARD = "urn:xmpp:pep-vcard-conversion:0";
    /// XEP-0199: ping.
    PING = "urn:xmpp:ping";
    /// XEP-0357: push notifications.
    PUSH = "urn:xmpp:push:0";
    /// XEP-0444: reactions.
    REACTIONS = "urn:xmpp:reactions:0";
    /// XEP-0184: delivery receipts.
    RECEIPTS = "urn:xmpp:receipts";
    /// XEP-0372: references.
    REFERENCE = "urn:xmpp:reference:0";
    /// XEP-0461: replies.
    REPLY = "urn:xmpp:reply:0";
    /// XEP-0377: spam reporting.
    REPORTING = "urn:xmpp:reporting:1";
    /// XEP-0440: channel-binding types.
    SASL_CHANNEL_BINDING = "urn:xmpp:sasl-cb:0";
    /// XEP-0388: extensible SASL profile.
    SASL2 = "urn:xmpp:sasl:2";
    /// XEP-0480: upgrade tasks.
    SASL_UPGRADE = "urn:xmpp:sasl:upgrade:0";
    /// XEP-0480: those of SCRAM.
    SCRAM_UPGRADE = "urn:xmpp:scram-upgrade:0";
    /// XEP-0359: unique and stable stanza ids.
    STANZA_ID = "urn:xmpp:sid:0";
    /// XEP-0198: stream management.
    SM = "urn:xmpp:sm:3";
    /// XEP-0478: stream limits.
    STREAM_LIMITS = "urn:xmpp:stream-limits:0";
    /// XEP-0202: entity time.
    TIME = "urn:xmpp:time";
    /// XEP-0292: the node of the own vCard.
    VCARD4_NODE = "urn:xmpp:vcard4";
    /// XEP-0206: XMPP over BOSH.
    XBOSH = "urn:xmpp:xbosh";
    /// XEP-0054: vCard.
    VCARD = "vcard-temp";
    /// XEP-0153: avatar hash in presence.
    VCARD_UPDATE = "vcard-temp:x:update";
}

/// The constant equal to `uri`, if this server knows that namespace.
pub fn intern(uri: &str) -> Option<&'static str> {
    let row = ALL.binary_search(&uri).ok()?;
    ALL.get(row).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_without_duplicates() {
        assert!(ALL.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn every_known_namespace_is_interned_to_its_constant() {
        for uri in ALL {
            let copy = String::from(*uri);
            assert_eq!(intern(&copy), Some(*uri));
        }
    }

    #[test]
    fn an_unknown_namespace_is_not_interned() {
        assert_eq!(intern("jabber:client "), None);
        assert_eq!(intern(""), None);
    }
}
