//! A server on free ports of this machine, with its data in a directory that goes with the test.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cloister::auth::Hashing;
use cloister::auth::password::Password;
use cloister::clock::{Clock, Timestamp};
use cloister::config::{Check, Config};
use cloister::feature::{Features, Registry};
use cloister::features;
use cloister::jid::{BareJid, Jid};
use cloister::lifecycle::{self, Running};
use cloister::server::Server;
use cloister::store::Disk;
use cloister::{ns, xml::Element};
use tempfile::TempDir;
use toml::{Table, Value};

use super::client::{Client, Links};
use super::managed::{Login, Managed};
use super::raw::RawClient;
use super::scram::{Hash, Scram};
use super::tls::Authority;

/// The domain of an account that is named without one.
const DOMAIN: &str = "localhost";

/// 2026-01-01T00:00:00Z, where the injected clock begins.
const BEGIN: u64 = 1_767_225_600_000_000;

/// A running server.
pub struct Cloister {
    running: Running,
    time: Arc<AtomicU64>,
    authority: Authority,
    directory: TempDir,
    links: Links,
}

/// Who logs in: `juliet`, `juliet@capulet.example`, `juliet/balcony`.
pub struct Address {
    pub local: String,
    pub domain: String,
    pub resource: Option<String>,
}

impl Cloister {
    /// A server for `localhost` that is configured as little as possible.
    pub async fn start() -> Self {
        Cloister::with("").await
    }

    /// The same, with options. A `[[host]]` is added to `localhost`, or changes it, and gets a
    /// certificate unless it names one.
    pub async fn with(options: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Cloister::at(directory, Authority::new(), BEGIN, options, Disk::default()).await
    }

    /// A server that can do more than it can.
    pub async fn and(more: fn(&mut Registry)) -> Self {
        Cloister::and_with("", more).await
    }

    /// The same, with options.
    pub async fn and_with(options: &str, more: fn(&mut Registry)) -> Self {
        let features = features::with(more);
        let directory = tempfile::tempdir().unwrap();
        Cloister::made(directory, Authority::new(), BEGIN, options, Disk::default(), features).await
    }

    /// A server that has as much space left as this disk says.
    pub async fn on(disk: Disk) -> Self {
        Cloister::at(tempfile::tempdir().unwrap(), Authority::new(), BEGIN, "", disk).await
    }

    /// Stops the server, closing all streams, and starts it again with the same data.
    pub async fn restart(self) -> Self {
        self.restart_with("").await
    }

    /// The same, with options; those of before are forgotten.
    pub async fn restart_with(self, options: &str) -> Self {
        let Cloister { running, time, authority, directory, links: _ } = self;
        running.stop().await;
        let now = time.load(Ordering::Relaxed);
        Cloister::at(directory, authority, now, options, Disk::default()).await
    }

    /// The same, of a server that can do more.
    pub async fn restart_and(self, more: fn(&mut Registry)) -> Self {
        let Cloister { running, time, authority, directory, links: _ } = self;
        running.stop().await;
        let (now, features) = (time.load(Ordering::Relaxed), features::with(more));
        Cloister::made(directory, authority, now, "", Disk::default(), features).await
    }

    async fn at(
        directory: TempDir,
        authority: Authority,
        now: u64,
        options: &str,
        disk: Disk,
    ) -> Self {
        Cloister::made(directory, authority, now, options, disk, features::all()).await
    }

    async fn made(
        directory: TempDir,
        authority: Authority,
        now: u64,
        options: &str,
        disk: Disk,
        features: Features,
    ) -> Self {
        let text = configuration(directory.path(), &authority, options);
        let config = Config::parse(&text, "test", Check::Full);
        let (config, _) = config.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        let time = Arc::new(AtomicU64::new(now));
        let clock = Clock::Manual(Arc::clone(&time));
        let running = lifecycle::start_on(disk, features, config, clock).await;
        let running = running.unwrap_or_else(|error| panic!("{error}"));
        Cloister { running, time, authority, directory, links: Links::default() }
    }

    /// Puts other options in place while it runs, as SIGHUP does.
    pub fn reload(&self, options: &str) {
        let text = configuration(self.directory.path(), &self.authority, options);
        let (config, _) = Config::parse(&text, "test", Check::Full).unwrap();
        self.running.reload(config).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Stops the server: streams are closed with `system-shutdown`.
    pub async fn stop(self) {
        self.running.stop().await;
    }

    /// The server from inside, for what cannot be seen on the wire.
    pub fn server(&self) -> &Arc<Server> {
        &self.running.server
    }

    /// What the clients trust.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The directory with everything that this server has.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where it listens for HTTPS.
    pub fn https(&self) -> SocketAddr {
        self.running.https[0]
    }

    /// Where it listens for a web server in front of it.
    pub fn http(&self) -> SocketAddr {
        self.running.http[0]
    }

    /// Where it listens for certificate authorities.
    pub fn acme(&self) -> SocketAddr {
        self.running.acme[0]
    }

    /// Where it listens for the operator.
    pub fn local(&self) -> SocketAddr {
        self.running.local[0]
    }

    /// Where it listens for STARTTLS.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.running.c2s
    }

    /// Where it listens for direct TLS.
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.running.c2s_tls
    }

    /// Moves the clock that dates what is stored. Timers go on: see [`super::elapse`].
    pub fn advance(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap();
        self.time.fetch_add(micros, Ordering::Relaxed);
    }

    /// Makes an account unless there is one.
    pub async fn account(&self, name: &str, password: &str) {
        let address = Address::parse(name);
        let account = BareJid::parse(&address.bare()).unwrap();
        let server = self.server();
        if server.accounts.exists(&account).await.unwrap() {
            return;
        }
        let config = server.config();
        let host = config.hosts.iter().find(|host| host.domain.as_str() == address.domain);
        let kind = host.expect("a domain of this server").password_hash;
        let hashing = Hashing::new(kind, config.auth.scram_iterations);
        let password = Password::new(password).unwrap();
        server.accounts.create(&account, password, hashing, false).await.unwrap();
    }

    /// Waits until no session of that account is reachable any more, as after
    /// [`Client::drop_link`].
    pub async fn gone(&self, name: &str) {
        let account = BareJid::parse(&Address::parse(name).bare()).unwrap();
        super::within("the session's end", async {
            while !self.server().sessions.of(&account).is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Waits until the server has noticed that the connection of a session is lost.
    pub async fn lost(&self, client: &Managed) {
        let jid = Jid::parse(&client.jid).unwrap();
        super::within("the loss of the connection", async {
            loop {
                let session = self.server().sessions.find(&jid);
                let stream = session.as_ref().and_then(|session| session.stream());
                if stream.is_none_or(|stream| stream.is_over(Timestamp(u64::MAX))) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// A connection in clear; nothing is said.
    pub async fn clear(&self) -> RawClient {
        RawClient::connect(self.addresses()[0]).await
    }

    /// A connection after STARTTLS; the stream inside TLS is not open yet.
    pub async fn secured(&self, domain: &str) -> RawClient {
        self.clear().await.starttls(self.authority.client(), domain).await.unwrap()
    }

    /// A connection after direct TLS.
    pub async fn direct(&self, domain: &str) -> RawClient {
        let raw = RawClient::connect(self.tls_addresses()[0]).await;
        raw.handshake(self.authority.client(), domain).await.unwrap()
    }

    /// A connection inside TLS with an open stream, and the features.
    pub async fn opened(&self, domain: &str) -> (RawClient, Element) {
        let mut raw = self.secured(domain).await;
        let features = raw.open(domain).await;
        (raw, features)
    }

    /// A connection after the login, with an open stream, and the features. The account is made if
    /// it is missing.
    pub async fn authenticated(&self, name: &str, password: &str) -> (RawClient, Element) {
        self.account(name, password).await;
        let Address { local, domain, .. } = Address::parse(name);
        let (mut raw, features) = self.opened(&domain).await;
        let mechanisms = features.child(ns::SASL, "mechanisms").expect("mechanisms are offered");
        let login = if mechanisms.children().any(|name| name.text() == "SCRAM-SHA-256-PLUS") {
            let exporter = raw.exporter();
            let kind = "tls-exporter";
            raw.scram(&Scram::bound(Hash::Sha256, &local, password, kind, exporter)).await
        } else {
            raw.plain(&local, password).await
        };
        login.unwrap_or_else(|condition| panic!("{name} cannot log in: {condition}"));
        let features = raw.open(&domain).await;
        (raw, features)
    }

    /// A connection with a resource that still belongs to the test, and its full address.
    pub async fn bound(&self, name: &str, password: &str) -> (RawClient, String) {
        let (mut raw, _) = self.authenticated(name, password).await;
        let resource = Address::parse(name).resource;
        let jid = raw.bind(resource.as_deref()).await;
        let jid = jid.unwrap_or_else(|condition| panic!("{name} cannot bind: {condition}"));
        (raw, jid)
    }

    /// A client with a resource, over STARTTLS with SCRAM-SHA-256-PLUS; no presence is sent. The
    /// account is made if it is missing.
    pub async fn login(&self, name: &str, password: &str) -> Client {
        let (raw, jid) = self.bound(name, password).await;
        Client::new(raw, jid, Arc::clone(&self.links))
    }

    /// A client with stream management that is not connected yet; the account is made if it is
    /// missing. It uses direct TLS.
    pub async fn managed(&self, name: &str, password: &str) -> Managed {
        self.account(name, password).await;
        let Address { local, domain, resource } = Address::parse(name);
        Managed::new(Login {
            address: self.tls_addresses()[0],
            tls: self.authority.client(),
            local,
            domain,
            password: password.to_owned(),
            resource,
        })
    }

    /// A client that has its roster and is available. Its own presence, which the server sends
    /// back, is swallowed.
    pub async fn online(&self, name: &str, password: &str) -> Client {
        let client = self.login(name, password).await;
        client.iq_ok("get", None, "<query xmlns='jabber:iq:roster'/>").await;
        client.send("<presence/>").await;
        let own = |stanza: &Element| {
            stanza.is(ns::CLIENT, "presence") && stanza.attr("from") == Some(client.jid())
        };
        client.receive_where("its own presence", own).await;
        client
    }

    /// Makes two clients that are online subscribe to each other. All that follows from it is
    /// swallowed on both; what had come before stays.
    pub async fn befriend(&self, one: &mut Client, other: &mut Client) {
        let before = (one.drain().await, other.drain().await);
        for (from, to, kind) in [
            (&one, &other, "subscribe"),
            (&other, &one, "subscribed"),
            (&other, &one, "subscribe"),
            (&one, &other, "subscribed"),
        ] {
            from.send(format!("<presence to='{}' type='{kind}'/>", to.bare())).await;
            from.fence().await;
        }
        for (client, friend) in [(&one, &other), (&other, &one)] {
            let came = client.drain().await;
            let subscribed = came.iter().any(|stanza| {
                stanza.attr("type") == Some("subscribed")
                    && stanza.attr("from") == Some(friend.bare())
            });
            assert!(subscribed, "{} is not subscribed to {}", client.jid(), friend.jid());
        }
        one.put_back(before.0).await;
        other.put_back(before.1).await;
    }
}

impl Address {
    /// Reads a name; what is not said is `localhost` and any resource.
    pub fn parse(name: &str) -> Self {
        let (bare, resource) = match name.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource.to_owned())),
            None => (name, None),
        };
        let (local, domain) = bare.split_once('@').unwrap_or((bare, DOMAIN));
        Address { local: local.to_owned(), domain: domain.to_owned(), resource }
    }

    /// The bare address.
    pub fn bare(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }
}

/// A configuration for `directory`, with `options` laid over it.
fn configuration(directory: &Path, authority: &Authority, options: &str) -> String {
    let mut options: Table = options.parse().unwrap_or_else(|error| panic!("{error}\n{options}"));
    let hosts = hosts(directory, authority, options.remove("host"));
    let listen: &[&str] = match TcpListener::bind("[::1]:0") {
        Ok(_) => &["127.0.0.1:0", "[::1]:0"],
        Err(_) => &["127.0.0.1:0"],
    };
    let path = |name: &str| directory.join(name).display().to_string();
    let mut config = Table::new();
    config.insert("data_dir".to_owned(), path("data").into());
    config.insert("admin_socket".to_owned(), path("admin.sock").into());
    config.insert("host".to_owned(), hosts);
    let listen = Value::from(listen.to_vec());
    let local = Value::from(vec!["127.0.0.1:0"]);
    let listen = Table::from_iter([
        ("c2s".to_owned(), listen.clone()),
        ("c2s_tls".to_owned(), listen.clone()),
        ("https".to_owned(), listen),
        ("http".to_owned(), local.clone()),
        ("local".to_owned(), local),
    ]);
    config.insert("listen".to_owned(), listen.into());
    // The least that is allowed: the tests are about the exchange, not about the work.
    let auth = Table::from_iter([("scram_iterations".to_owned(), Value::from(4096))]);
    config.insert("auth".to_owned(), auth.into());
    merge(&mut config, options);
    toml::to_string(&config).unwrap()
}

fn hosts(directory: &Path, authority: &Authority, more: Option<Value>) -> Value {
    let mut hosts = vec![Table::from_iter([("domain".to_owned(), Value::from(DOMAIN))])];
    for host in more.iter().flat_map(|more| more.as_array().expect("[[host]]")) {
        let host = host.as_table().expect("[[host]]").clone();
        match hosts.iter_mut().find(|known| known.get("domain") == host.get("domain")) {
            Some(known) => merge(known, host),
            None => hosts.push(host),
        }
    }
    for host in &mut hosts {
        let domain = host["domain"].as_str().expect("a domain").to_owned();
        if !host.contains_key("certificate") {
            let files = authority.issued(&domain, directory);
            let text = |path: &Path| Value::from(path.display().to_string());
            host.insert("certificate".to_owned(), text(&files.certificate));
            host.insert("key_file".to_owned(), text(&files.key));
        }
    }
    hosts.into()
}

/// Lays `over` over `table`, tables into each other.
fn merge(table: &mut Table, over: Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(over)) => merge(inner, over),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}
