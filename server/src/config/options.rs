//! Every option that there is, declared once: what is written in the file.
//!
//! The doc comments are for operators: the reference and the example file print them. A default
//! is chosen for a club of a few hundred people on a small machine; a bound says what would break
//! the server or its users, not what is usual.

mod acme;
mod turn;
mod web;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use acme::Acme;
pub use turn::TurnTable;
pub use web::{Http, InviteCreators, InvitesTable, Upload, UploadTable};

use super::declare::{choice, section};
use super::network::Network;
use super::origin::WebAddress;
use super::quantity::Size;
use super::retention::Retention;
use super::uri::Uri;
use super::value::{At, FilePath, SecretPath};
use crate::jid::Domain;

section! {
    /// The configuration file as it is written.
    pub struct File {
        /// Where accounts, messages and everything else that lasts is kept. Only the server's
        /// own user should be able to read it.
        data_dir: At<PathBuf>, default "/var/lib/cloister";

        /// The socket through which the commands speak to the running server. Whoever may write
        /// to it is the operator.
        admin_socket: At<PathBuf>, default "/run/cloister/admin.sock";

        /// A file with at least 32 random bytes that seal the stored passwords: who steals the
        /// data without this file cannot even guess at them. Keep a copy apart from the backups:
        /// without it nobody can log in. Make one with:
        /// `(umask 077; head -c 32 /dev/urandom > FILE)`
        pepper_file: At<SecretPath>, optional "/run/secrets/cloister-pepper";

        /// How much is logged. No level logs network addresses,
        /// passwords or messages.
        log_level: LogLevel, default "info";

        /// How many threads serve connections. Left out, there is one for each processor.
        worker_threads: usize, optional 2, least 1, most 1024;

        /// A domain that this server serves: the part behind the `@` of its users' addresses.
        /// There is at least one; write the table again for each further one.
        host: Vec<HostTable>, default [];

        /// Where the server listens. An address is an IP address and a port. `[::]` stands for
        /// all IPv6 addresses and only those, `0.0.0.0` for all IPv4 addresses. An empty list
        /// switches a kind of listener off; port 0 takes any free port.
        listen: ListenTable, default {};

        /// Encryption. Nothing is ever sent or accepted in clear.
        tls: Tls, default {};

        /// What one client, one account or all of them together may take from the server.
        limits: Limits, default {};

        /// How long the server waits.
        timeouts: Timeouts, default {};

        /// How people show who they are.
        auth: Auth, default {};

        /// The database and its disk.
        store: Store, default {};

        /// Messages that are kept.
        archive: Archive, default {};

        /// HTTP: what browsers and phones ask.
        http: Http, default {};

        /// Files that all domains keep (XEP-0363).
        upload: Upload, default {};

        /// The STUN and TURN server through which calls find their way past routers, such as
        /// coturn. Clients are told where it is (XEP-0215) and what to log in with there, which
        /// is good for a while and says nothing of who it is.
        turn: TurnTable, default {};

        /// Certificate authorities that check a domain by HTTP (RFC 8555 §8.3).
        acme: Acme, default {};
    }
}

section! {
    /// A `[[host]]` as it is written.
    pub struct HostTable {
        /// The domain, as in `someone@example.org`. It may differ from the name of the machine.
        domain: At<Domain>, required "example.org";

        /// The certificate of the domain and those that lead to its authority, the domain's own
        /// first, in PEM form (`fullchain.pem`).
        certificate: At<FilePath>, required "/var/lib/acme/example.org/fullchain.pem";

        /// The private key of the certificate in PEM form. It must not be readable by every user
        /// of the machine, so it cannot lie in the Nix store.
        key_file: At<SecretPath>, required "/var/lib/acme/example.org/key.pem";

        /// How passwords are kept. `scram` lets a client prove that it knows the password without
        /// sending it, and detects a stranger in the middle. `argon2id` is harder to guess from a
        /// stolen database, and has clients send the password inside the encrypted connection.
        /// Clients remember which they saw: choose once.
        password_hash: PasswordHash, default "scram";

        /// Whether messages of the domain's accounts have to be encrypted end to end (as with
        /// OMEMO), so that neither this server nor who steals its disk can read them. `require`
        /// refuses all others, to and from everybody, and tells their senders why. `warn` lets
        /// them pass, and tells their senders once for each session. It holds for what is said in
        /// the domain's rooms, too, and for what its accounts say in rooms elsewhere. Errors,
        /// headlines, what is said to the server itself and the subjects of rooms are exempt, as
        /// no client encrypts those: say nothing in a subject that others must not read.
        encryption: Encryption, default "off";

        /// How long messages of the domain's accounts are kept, where that differs from
        /// `archive.retention`.
        retention: Retention, optional "90d";

        /// Where people reach those who run the server (XEP-0157), as lists of URIs such as
        /// `mailto:abuse@example.org` or `xmpp:help@example.org`. Anybody with an account can see
        /// them.
        contact: Contact, default {};

        /// The address of a publish-subscribe service for the domain's accounts (XEP-0060), such as
        /// `pubsub.` and the domain. Left out, there is none; what people publish at their own
        /// accounts, such as avatars and bookmarks, does not need it. It needs neither a certificate
        /// nor an entry in the DNS.
        pubsub: At<Domain>, optional "pubsub.example.org";

        /// Where the domain's pages and files are, as clients see it. Left out, it is the domain
        /// itself, at the first port of `listen.https`. The certificate has to have that name, too.
        web: WebAddress, optional "https://chat.example.org";

        /// Rooms in which people talk together (XEP-0045).
        rooms: RoomsTable, default {};

        /// Files that people send each other (XEP-0363).
        upload: UploadTable, default {};

        /// How people get an account (XEP-0401, XEP-0445).
        invites: InvitesTable, default {};
    }
}

section! {
    /// Where people reach those who run the server (XEP-0157).
    pub struct Contact {
        /// For reports of abuse.
        abuse: Vec<Uri>, default [];
        /// For the administrators.
        admin: Vec<Uri>, default [];
        /// For opinions about the service.
        feedback: Vec<Uri>, default [];
        /// For those who want to buy something.
        sales: Vec<Uri>, default [];
        /// For reports of security problems.
        security: Vec<Uri>, default [];
        /// Where one reads whether the service works.
        status: Vec<Uri>, default [];
        /// For people who need help.
        support: Vec<Uri>, default [];
    }
}

section! {
    /// `[host.rooms]` as it is written.
    pub struct RoomsTable {
        /// Whether the domain has rooms. With `false` nobody can enter one; those that there are, and what
        /// was said in them, are kept for the day it is `true` again.
        enabled: bool, default true;

        /// The address of the rooms: the part behind the `@` of each room's. Left out, it is `rooms.`
        /// and the domain. It needs neither a certificate nor an entry in the DNS. Choose once: rooms do
        /// not move to another address.
        domain: At<Domain>, optional "rooms.example.org";

        /// Who may make rooms: `everybody` who may use them, `admins` (accounts made with
        /// `cloister user add --admin`), or `nobody`. `cloister room create` can in any case.
        create: RoomCreators, default "everybody";

        /// Whose accounts may use the rooms: those of this `domain`, or of all domains of the
        /// `server`. Others are refused, whatever they ask.
        users: RoomUsers, default "domain";

        /// How long what was said in the rooms is kept, where that differs from the domain's own
        /// messages.
        retention: Retention, optional "90d";

        /// How long a lasting room is kept that has neither owner nor member any more and that nobody
        /// enters. After that it is gone, with what was said in it.
        empty_after: Duration, default "30d",
            least "1h" "which people need to come back", most "3650d";

        /// Whether a new room is for its members only. This and what follows are the settings that a
        /// new room begins with; its owners change them as they like.
        members_only: bool, default true;

        /// Whether a new room shows the addresses of the people in it to its moderators only, and just
        /// their nicknames to all others. Encryption (OMEMO) needs the addresses.
        anonymous: bool, default false;

        /// Whether a new room is found by everybody who may use rooms, or only by those who know its
        /// address.
        public: bool, default false;

        /// Whether a new room stays when the last one has left it.
        persistent: bool, default true;

        /// Whether what is said in a new room is kept, so that people can read what they missed.
        archive: bool, default true;

        /// Whether people who are new in a new room have to be given a voice before they can say something.
        moderated: bool, default false;

        /// How many people may be in a new room at a time, at most `limits.room_occupants`.
        max_users: At<usize>, default 1000, least 1, most 100_000;
    }
}

choice! {
    /// Who may make rooms.
    pub enum RoomCreators {
        /// Everybody who may use them.
        Everybody "everybody",
        /// Accounts that are administrators.
        Admins "admins",
        /// Only the operator.
        Nobody "nobody",
    }
}

choice! {
    /// Whose accounts may use a domain's rooms.
    pub enum RoomUsers {
        /// Those of the domain.
        Domain "domain",
        /// Those of all domains of the server.
        Server "server",
    }
}

choice! {
    /// How passwords are kept.
    pub enum PasswordHash {
        /// Keys of SCRAM-SHA-1, -256 and -512 (RFC 5802, RFC 7677).
        Scram "scram",
        /// An Argon2id hash; only PLAIN inside TLS is offered.
        Argon2id "argon2id",
    }
}

choice! {
    /// Whether messages have to be encrypted end to end.
    pub enum Encryption {
        /// As people like.
        Off "off",
        /// Who sends one that is not is told so, once for each session.
        Warn "warn",
        /// One that is not is refused.
        Require "require",
    }
}

choice! {
    /// How much is logged: a level and those before it.
    pub enum LogLevel {
        /// What needs somebody to act.
        Error "error",
        /// What may become an error.
        Warn "warn",
        /// Starts, stops and reloads.
        Info "info",
        /// What helps to find a fault.
        Debug "debug",
    }
}

section! {
    /// `[listen]` as it is written.
    pub struct ListenTable {
        /// For clients that begin in clear and must switch to TLS before anything else
        /// (STARTTLS).
        c2s: Vec<At<SocketAddr>>, default ["[::]:5222", "0.0.0.0:5222"];

        /// For clients that begin with TLS (XEP-0368).
        c2s_tls: Vec<At<SocketAddr>>, default ["[::]:5223", "0.0.0.0:5223"];

        /// For everything else that clients need, inside TLS: files, invitations, WebSockets
        /// (RFC 7395) and BOSH (XEP-0206). Clients that ask for it (ALPN) are served XMPP here as
        /// well, so that port 443 alone gets through strict firewalls.
        https: Vec<At<SocketAddr>>, default ["[::]:5443", "0.0.0.0:5443"];

        /// The same without TLS, for a web server on this machine that does the TLS in front of it:
        /// loopback addresses only. What was not asked by HTTPS there (`X-Forwarded-Proto`) is refused.
        http: Vec<At<SocketAddr>>, default [];

        /// For certificate authorities that check a domain by HTTP (RFC 8555 §8.3), in clear: they ask
        /// port 80, as in `["[::]:80", "0.0.0.0:80"]`, and are answered from `acme.webroot`.
        /// Everything else is led to HTTPS, for the domains and `host.web` alone.
        acme: Vec<At<SocketAddr>>, default [];

        /// For the operator: console, metrics, health. Loopback addresses only.
        local: Vec<At<SocketAddr>>, default ["127.0.0.1:5280"];

        /// Proxies that say at the beginning of each connection whose it is (the PROXY protocol of
        /// HAProxy), for `c2s`, `c2s_tls`, `https` and `acme`: IP addresses, or networks. From these
        /// a connection without it is refused; from others nothing of the kind is believed.
        proxies: Vec<Network>, default [];
    }
}

section! {
    /// Encryption.
    pub struct Tls {
        /// The oldest version of TLS that a client may use. `1.2` is for clients from before
        /// 2019; what is older is never accepted.
        min_version: TlsVersion, default "1.3";
    }
}

choice! {
    /// A version of TLS.
    pub enum TlsVersion {
        /// TLS 1.3 (RFC 8446).
        V13 "1.3",
        /// TLS 1.2 (RFC 5246), with AEAD ciphers and the extended master secret only.
        V12 "1.2",
    }
}

section! {
    /// What one client, one account or all of them together may take from the server.
    pub struct Limits {
        /// The largest stanza that a client may send, with all its markup.
        stanza_bytes: Size, default "256 KiB",
            least "10000 B" "which RFC 6120 §13.12 asks for",
            most "16 MiB" "which every connection could make the server hold";

        /// How deeply the elements of a stanza may be nested.
        stanza_depth: usize, default 64, least 16 "which ordinary clients need", most 512;

        /// How many attributes one element may have.
        stanza_attributes: usize, default 128, least 16 "which ordinary clients need", most 1024;

        /// How much a client may send in all before it has logged in.
        login_bytes: Size, default "8 KiB",
            least "4 KiB" "which a login with all extensions needs",
            most "64 KiB" "which any stranger could make the server hold";

        /// How many elements a client may send before it has logged in.
        login_elements: usize, default 64,
            least 8 "which a login with a retry needs", most 256;

        /// How many connections the server holds in all. Further ones are closed at once. The
        /// system must allow the server at least as many open files (`LimitNOFILE`).
        connections: usize, default 20_000, least 1, most 1_000_000;

        /// How many of them may come from one IPv4 address or one IPv6 /64 network. People
        /// behind one router share an address.
        connections_per_address: usize, default 200, least 1, most 1_000_000;

        /// How many clients of one account may be connected at a time.
        resources_per_account: usize, default 16, least 1, most 1000;

        /// How many devices of one account may hold a token that logs them in without the password
        /// (XEP-0484). The one that was not used for the longest time is forgotten first.
        devices: usize, default 32, least 1, most 1000;

        /// How many contacts an account may have.
        roster_items: usize, default 2000, least 10, most 100_000;

        /// How many times a client may try to log in on one connection.
        sasl_attempts: usize, default 3,
            least 2 "which RFC 6120 §6.4.5 asks for",
            most 5 "which RFC 6120 §6.4.5 asks for";

        /// How much may wait for a client that does not read or has lost its connection. What
        /// comes after that waits in the database, and the client fetches it when it is back.
        outbox_bytes: Size, default "4 MiB",
            least "64 KiB" "which a short stall needs",
            most "1 GiB" "which every session could make the server hold";

        /// How many stanzas may wait for it.
        outbox_stanzas: usize, default 10_000,
            least 10 "which a short stall needs", most 1_000_000;

        /// How many messages wait for an account while no client of it is connected. Further ones
        /// are found in the archive; where no archive keeps them, their senders are told.
        offline_messages: usize, default 1000, least 10, most 1_000_000;

        /// How much an account may keep in its private storage (XEP-0049).
        private_bytes: Size, default "1 MiB", least "16 KiB", most "64 MiB";

        /// The largest vCard, with its picture (XEP-0054). It has to fit into a stanza.
        vcard_bytes: Size, default "224 KiB", least "8 KiB",
            most "448 KiB" "which one record of the database can hold";

        /// How many addresses an account may block (XEP-0191).
        blocked_jids: usize, default 1000, least 10, most 100_000;

        /// How many nodes an account, or the publish-subscribe service of a domain, may have
        /// (XEP-0060, XEP-0163).
        pubsub_nodes: usize, default 1000, least 50 "which ordinary clients need", most 100_000;

        /// How many items one node may keep. A node that is to keep as many as possible keeps so
        /// many; the oldest make room for new ones.
        pubsub_items: usize, default 10_000, least 10, most 1_000_000;

        /// The largest item that may be published, such as the picture of an avatar. It has to fit
        /// into a stanza.
        pubsub_item_bytes: Size, default "256 KiB", least "8 KiB",
            most "448 KiB" "which one record of the database can hold";

        /// How much the items of one account may take in all.
        pubsub_bytes: Size, default "64 MiB", least "1 MiB", most "1 TiB";

        /// How much those of a domain's publish-subscribe service may take.
        pubsub_service_bytes: Size, default "1 GiB", least "1 MiB", most "1 TiB";

        /// How many subscriptions one node may have.
        pubsub_subscriptions: usize, default 10_000, least 10, most 1_000_000;

        /// How many rooms one account may own.
        rooms: usize, default 100, least 1, most 100_000;

        /// How many owners, administrators, members and banned people one room may have in all.
        room_members: usize, default 5000, least 10, most 1_000_000;

        /// How many people any room may have in it at a time, whatever its owners set.
        room_occupants: usize, default 5000, least 2, most 100_000;

        /// How many wrong passwords are taken for one account from one address, and for any
        /// account from one address, within `login_failure_window`. Further attempts from there
        /// have to wait. Nobody is locked out from elsewhere.
        login_failures: usize, default 3, least 1, most 1000;

        /// For how long a wrong password counts.
        login_failure_window: Duration, default "300s", least "10s", most "1d";
    }
}

section! {
    /// How long the server waits.
    pub struct Timeouts {
        /// For a client to finish the TLS handshake.
        tls: Duration, default "10s", least "1s", most "5m";

        /// For a client to log in, from its first byte on.
        login: Duration, default "30s", least "1s", most "10m";

        /// For a quiet client: after this long without a byte it is asked whether it is still
        /// there, and the connection is closed when it does not answer.
        idle: Duration, default "10m", least "30s" "which mobile clients need", most "1d";

        /// For a quiet phone that has said that nobody looks at it (XEP-0352): it is asked after this
        /// long, if that is longer than `idle`, and left asleep until then. Many routers forget a
        /// connection after half an hour.
        asleep: Duration, default "25m", least "30s" "which mobile clients need", most "1d";

        /// For the answer of a client that was asked whether it is still there. A phone that nobody
        /// looks at gets ten times as long.
        ping: Duration, default "1m", least "5s" "which mobile clients need", most "1h";

        /// How often a space is sent to a quiet client (RFC 6120 §4.6.1), so that routers on the
        /// way do not forget the connection. `0s` switches it off. It costs phones power.
        keepalive: Duration, default "5m", most "1d";

        /// For a client that has lost its connection, if it wants to resume its session (XEP-0198): until
        /// then others see it as it was, and what they say waits for it. `0s` switches
        /// resumption off.
        resume: Duration, default "1h", most "1d";

        /// For a client to take what is sent to it. After this long the connection is closed.
        write: Duration, default "30s", least "1s", most "10m";
    }
}

section! {
    /// How people show who they are.
    pub struct Auth {
        /// How much work one guess at a SCRAM password is. Each login makes a phone do it once.
        /// Holds for passwords that are set from now on.
        scram_iterations: u32, default 100_000,
            least 4096 "which RFC 7677 §4 asks for",
            advised 10_000 "below which a stolen database is soon guessed through",
            most 10_000_000 "which phones would not finish";

        /// How long a device may stay away before it has to log in with the password again
        /// (XEP-0484). One that comes back in time gets a new token and stays logged in. A month
        /// outlasts most holidays, and a lost device is harmless after it.
        token_lifetime: Duration, default "30d", least "1h", most "365d";

        /// How many passwords are hashed at the same time. Left out, half of the processors do.
        hashing_slots: usize, optional 2, least 1, most 1024;
    }
}

section! {
    /// The database and its disk.
    pub struct Store {
        /// How much memory the database may take to hold what was read.
        cache: Size, default "32 MiB", least "1 MiB" "which the database needs", most "1 TiB";

        /// How much room must stay free on the disk. With less, the server takes nothing new, so
        /// that what it holds stays whole and can still be deleted.
        reserve: Size, default "64 MiB", least "16 MiB" "which the database needs to delete";
    }
}

section! {
    /// Messages that are kept, so that all clients of an account can fetch them.
    pub struct Archive {
        /// How long messages are kept: a duration, `forever`, or `0` for only until they are
        /// delivered. A message between two accounts is kept for the one that keeps longer; the
        /// other one does not see it any more. Space comes back by whole days, weeks or months, so
        /// that messages take space for a while after they are over. What nobody was there to take
        /// waits 30 days at least. Single accounts can have another retention:
        /// `cloister user retention`.
        retention: Retention, default "30d";

        /// Whether people may choose whose messages their archive keeps (XEP-0441). With `false` it
        /// keeps what everybody says to them; what they chose before does not count. Either way
        /// every message waits until it was delivered.
        preferences: bool, default true;

        /// How much memory the messages of the present day, week or month may take.
        cache: Size, default "32 MiB", least "1 MiB" "which the database needs", most "1 TiB";

        /// How much memory those of each earlier day, week or month may take while they are read.
        old_cache: Size, default "8 MiB", least "1 MiB" "which the database needs", most "1 TiB";
    }
}
