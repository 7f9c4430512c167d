//! From a configuration to a running server and back: start, reload, drain, stop.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::admin;
use crate::archive::{self, Archive};
use crate::auth::password::{CredentialError, Pepper};
use crate::auth::{AccountError, Accounts, Throttle};
use crate::c2s::{self, Arrival, Mode};
use crate::clock::Clock;
use crate::config::{Config, Network, TlsVersion};
use crate::feature::{Ctx, Features};
use crate::features::{self, accounts, stream_management};
use crate::http::{self, Kind};
use crate::metrics::Transport;
use crate::net::tls::{CertificateError, CertificateFiles, Certificates, MinimumVersion};
use crate::net::{Caller, Listener, Slots};
use crate::retention::Retentions;
use crate::server::{Addresses, Parts, Server};
use crate::status;
use crate::store::{Catalog, Disk, OnFatal, Options, Store, StoreError};
use crate::stream::StreamError;
use crate::task::{Task, Tasks};

/// How long what is under way may take when the server stops. Every wait for a client is much shorter; what
/// takes time is giving unread messages back to their accounts, and whatever is not back by then is lost. Less
/// than the 90 s after which systemd kills.
const DRAIN: Duration = Duration::from_secs(60);

/// An operator's browser and what reads the metrics need a dozen.
const LOCAL_CONNECTIONS: usize = 64;

/// Why a server does not start. Each sentence ends with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The accounts.
    #[error(transparent)]
    Accounts(#[from] AccountError),
    /// The pepper.
    #[error("pepper_file: {0}")]
    Pepper(#[from] CredentialError),
    /// A file or directory.
    #[error("{what}: {error}; make it accessible to the user that runs the server")]
    File {
        /// Which one.
        what: String,
        /// What the system says.
        error: io::Error,
    },
    /// An address.
    #[error("cannot listen on {address}: {error}; stop what listens there, or choose another port")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
}

/// A server that accepts connections.
#[derive(Debug)]
pub struct Running {
    /// Its state.
    pub server: Arc<Server>,
    /// Where it listens for STARTTLS.
    pub c2s: Vec<SocketAddr>,
    /// Where it listens for direct TLS.
    pub c2s_tls: Vec<SocketAddr>,
    /// Where it listens for HTTPS.
    pub https: Vec<SocketAddr>,
    /// Where it listens for a web server in front of it.
    pub http: Vec<SocketAddr>,
    /// Where it listens for the operator.
    pub local: Vec<SocketAddr>,
    tasks: Tasks,
    fatal: watch::Receiver<Option<StoreError>>,
}

/// Opens the store and puts the server together, without listening. Commands that find no
/// running server use it alone.
///
/// # Errors
/// [`StartError`].
pub async fn assemble(
    config: Config,
    certificates: Certificates,
    clock: Clock,
) -> Result<(Arc<Server>, watch::Receiver<Option<StoreError>>), StartError> {
    assemble_on(Disk::default(), features::all(), config, certificates, clock).await
}

async fn assemble_on(
    disk: Disk,
    features: Features,
    config: Config,
    certificates: Certificates,
    clock: Clock,
) -> Result<(Arc<Server>, watch::Receiver<Option<StoreError>>), StartError> {
    let (fatal, watch_fatal) = watch::channel(None);
    let on_fatal: OnFatal = Arc::new(move |error| {
        fatal.send_replace(Some(error.clone()));
    });
    create_private(&config.data_dir)?;
    let mut options = Options::new(config.data_dir.join("core"));
    options.cache_bytes = config.store.cache.as_u64();
    options.reserve_bytes = config.store.reserve.as_u64();
    options.disk = disk.clone();
    options.on_fatal = Arc::clone(&on_fatal);
    let meter = Arc::clone(&options.meter);
    let store = Store::open(options, Catalog::new(features.trees().to_vec())?).await?;
    let archive = Archive::open(archive_options(&config, disk.clone(), on_fatal, &clock)).await?;
    let retentions = Retentions::load(&store).await?;
    let accounts = open_accounts(&config, &store, &clock).await?;
    let config = Arc::new(config);
    let parts = Parts {
        config,
        certificates,
        store,
        archive,
        retentions,
        accounts,
        features,
        clock,
        disk,
        meter,
    };
    Ok((Arc::new(Server::new(parts)), watch_fatal))
}

fn archive_options(
    config: &Config,
    disk: Disk,
    on_fatal: OnFatal,
    clock: &Clock,
) -> archive::Options {
    archive::Options {
        dir: config.data_dir.join("archive"),
        cache_bytes: config.archive.cache.as_u64(),
        old_cache_bytes: config.archive.old_cache.as_u64(),
        reserve_bytes: config.store.reserve.as_u64(),
        disk,
        on_fatal,
        clock: clock.clone(),
        transient: false,
    }
}

/// Starts a server.
///
/// # Errors
/// [`StartError`]; nothing listens then.
pub async fn start(config: Config, clock: Clock) -> Result<Running, StartError> {
    start_on(Disk::default(), features::all(), config, clock).await
}

/// Starts a server that asks this disk how much space is left: for tests, whose disk is full when
/// they say so, or whose server can do more.
///
/// # Errors
/// [`StartError`]; nothing listens then.
pub async fn start_on(
    disk: Disk,
    features: Features,
    config: Config,
    clock: Clock,
) -> Result<Running, StartError> {
    let certificates = load_certificates(&config)?;
    let (server, fatal) = assemble_on(disk, features, config, certificates, clock).await?;
    accounts::resume_removals(&server).await?;
    stream_management::load(&server).await?;
    let config = server.config();
    let limits = &config.limits;
    let meter = Arc::clone(&server.metrics.connections);
    let slots = Slots::counted(limits.connections, limits.connections_per_address, meter);
    let proxies = config.listen.proxies.as_slice().into();
    let starttls = bind_behind(&proxies, &config.listen.c2s, &slots)?;
    let direct = bind_behind(&proxies, &config.listen.c2s_tls, &slots)?;
    let (c2s, c2s_tls) = (addresses(&starttls), addresses(&direct));
    let doors = Doors::bind(&config, &proxies, &slots)?;
    let Addresses { https, http, local } = doors.addresses();
    // It is empty: this server has just been made.
    server.addresses.get_or_init(|| doors.addresses());
    let (tasks, task) = Tasks::new();
    admin::listen(Arc::clone(&server), &config.admin_socket, task.clone()).map_err(|error| {
        StartError::File { what: config.admin_socket.display().to_string(), error }
    })?;
    for (listeners, mode) in [(starttls, Mode::StartTls), (direct, Mode::DirectTls)] {
        for listener in listeners {
            tokio::spawn(accept(Arc::clone(&server), listener, mode, task.clone()));
        }
    }
    doors.open(&server, &slots, &task);
    for step in 0..server.features.timed_steps().len() {
        tokio::spawn(repeat(Arc::clone(&server), step, task.clone()));
    }
    tokio::spawn(write_streams_down(Arc::clone(&server), task.clone()));
    tokio::spawn(status::watch(Arc::clone(&server), task));
    server.set_serving(true);
    Ok(Running { server, c2s, c2s_tls, https, http, local, tasks, fatal })
}

/// Where HTTP is listened for.
struct Doors {
    https: Vec<Listener>,
    proxied: Vec<Listener>,
    local: Vec<Listener>,
}

impl Doors {
    fn bind(config: &Config, proxies: &Arc<[Network]>, slots: &Slots) -> Result<Self, StartError> {
        // A web server in front is one address for all its visitors, who are counted one by one.
        let most = config.limits.connections;
        let one_for_all = slots.anew(most, most);
        Ok(Doors {
            https: bind_behind(proxies, &config.listen.https, slots)?,
            proxied: bind(&config.listen.http, &one_for_all)?,
            local: bind(&config.listen.local, &slots.anew(LOCAL_CONNECTIONS, LOCAL_CONNECTIONS))?,
        })
    }

    fn addresses(&self) -> Addresses {
        Addresses {
            https: addresses(&self.https),
            http: addresses(&self.proxied),
            local: addresses(&self.local),
        }
    }

    fn open(self, server: &Arc<Server>, slots: &Slots, task: &Task) {
        http::listen(server, self.https, Kind::Https, slots, task);
        http::listen(server, self.proxied, Kind::Proxied, slots, task);
        http::listen(server, self.local, Kind::Local, slots, task);
    }
}

/// Writes streams down until the server stops.
async fn write_streams_down(server: Arc<Server>, mut task: Task) {
    stream_management::write_down(server, task.stopped()).await;
}

/// Runs one of the features' timed steps until the server stops, and then once more.
async fn repeat(server: Arc<Server>, step: usize, mut task: Task) {
    let cx = Ctx { server: Arc::clone(&server), session: None };
    let Some((interval, step)) = server.features.timed_steps().get(step) else { return };
    while timeout(*interval, task.stopped()).await.is_err() {
        step(&cx, ()).await;
    }
    step(&cx, ()).await;
}

impl Running {
    /// Reads certificates again and puts a new configuration in place. What needs a restart, such
    /// as addresses, stays as it is.
    ///
    /// # Errors
    /// A certificate cannot be used; everything stays as it was.
    pub fn reload(&self, config: Config) -> Result<(), StartError> {
        let certificates = load_certificates(&config)?;
        self.server.replace(Arc::new(config), certificates);
        Ok(())
    }

    /// Resolves when the store can no longer be relied on, and the process must end.
    pub async fn failed(&mut self) -> StoreError {
        match self.fatal.wait_for(Option::is_some).await.map(|error| error.clone()) {
            Ok(Some(error)) => error,
            _ => StoreError::Closed,
        }
    }

    /// Closes all streams, waits for what is under way, and closes archive and store.
    pub async fn stop(mut self) {
        let cx = Ctx { server: Arc::clone(&self.server), session: None };
        for step in self.server.features.stopping_steps() {
            step(&cx, ()).await;
        }
        self.server.set_serving(false);
        self.tasks.stop();
        self.server.sessions.for_each(|session| {
            session.close(StreamError::system_shutdown("the server stops"));
        });
        if timeout(DRAIN, self.tasks.ended()).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        // What sessions leave behind for their return.
        if let Err(error) = stream_management::flush(&self.server).await {
            tracing::error!(%error, "streams that were open cannot be resumed");
        }
        self.server.close().await;
    }
}

/// Accepts until the server stops.
async fn accept(server: Arc<Server>, listener: Listener, mode: Mode, mut task: Task) {
    loop {
        let caller = tokio::select! {
            caller = listener.accept() => caller,
            () = task.stopped() => return,
        };
        server.metrics.connections.accepted.count(match mode {
            Mode::StartTls => Transport::StartTls,
            Mode::DirectTls => Transport::DirectTls,
        });
        tokio::spawn(serve(Arc::clone(&server), caller, mode, task.clone()));
    }
}

/// Serves a connection, once it is known whose it is.
async fn serve(server: Arc<Server>, caller: Caller, mode: Mode, mut task: Task) {
    let accepted = tokio::select! {
        accepted = caller.introduced() => accepted,
        () = task.stopped() => return,
    };
    if let Some(accepted) = accepted {
        c2s::serve(server, Arrival::Socket(accepted, mode), task).await;
    }
}

fn bind(addresses: &[SocketAddr], slots: &Slots) -> Result<Vec<Listener>, StartError> {
    let bind = |address: &SocketAddr| {
        Listener::bind(*address, slots.clone())
            .map_err(|error| StartError::Listen { address: *address, error })
    };
    addresses.iter().map(bind).collect()
}

/// The same where some connections begin with whose they are.
fn bind_behind(
    proxies: &Arc<[Network]>,
    addresses: &[SocketAddr],
    slots: &Slots,
) -> Result<Vec<Listener>, StartError> {
    let listeners = bind(addresses, slots)?.into_iter();
    Ok(listeners.map(|listener| listener.behind(Arc::clone(proxies))).collect())
}

fn addresses(listeners: &[Listener]) -> Vec<SocketAddr> {
    listeners.iter().filter_map(|listener| listener.address().ok()).collect()
}

fn load_certificates(config: &Config) -> Result<Certificates, StartError> {
    let files: Vec<_> = config
        .hosts
        .iter()
        .map(|host| CertificateFiles {
            domain: host.domain.clone(),
            chain: host.certificate.clone(),
            key: host.key_file.clone(),
            names: host.web.iter().map(|web| web.host().to_owned()).collect(),
        })
        .collect();
    let minimum = match config.tls.min_version {
        TlsVersion::V12 => MinimumVersion::Tls12,
        TlsVersion::V13 => MinimumVersion::Tls13,
    };
    Ok(Certificates::load(&files, minimum)?)
}

async fn open_accounts(
    config: &Config,
    store: &Store,
    clock: &Clock,
) -> Result<Accounts, StartError> {
    let pepper = match &config.pepper_file {
        None => None,
        Some(path) => {
            let secret = std::fs::read(path)
                .map_err(|error| StartError::File { what: path.display().to_string(), error })?;
            Some(Pepper::new(&secret)?)
        }
    };
    let limits = &config.limits;
    let throttle = Throttle::new(limits.login_failures, limits.login_failure_window);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let slots = config.auth.hashing_slots.unwrap_or(processors.div_ceil(2));
    Ok(Accounts::open(store.clone(), clock.clone(), pepper, throttle, slots).await?)
}

/// The data directory, for nobody else to read.
fn create_private(dir: &Path) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt;
    let create = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    create.map_err(|error| StartError::File { what: dir.display().to_string(), error })
}
