//! From a configuration to a running server and back: start, reload, drain, stop.

mod doors;

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
use crate::clock::Clock;
use crate::config::secret::{FileError, read_secret};
use crate::config::{Config, TlsVersion, TurnSecret, TurnSecretError};
use crate::feature::{Ctx, Features};
use crate::features::{self, accounts, stream_management};
use crate::net::tls::{CertificateError, CertificateFiles, Certificates, MinimumVersion};
use crate::net::{Inherited, InheritedError, Slots};
use crate::retention::Retentions;
use crate::server::{Addresses, Parts, Server};
use crate::status;
use crate::store::{Catalog, Disk, OnFatal, Options, Store, StoreError};
use crate::stream::StreamError;
use crate::task::{Task, Tasks};
use doors::Doors;

/// How long what is under way may take when the server stops. Every wait for a client is much shorter; what
/// takes time is giving unread messages back to their accounts, and whatever is not back by then is lost. Less
/// than the 90 s after which systemd kills.
const DRAIN: Duration = Duration::from_secs(60);

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
    /// The file that it is in.
    #[error("pepper_file: {0}")]
    PepperFile(FileError),
    /// What is shared with the TURN server.
    #[error("turn.secret_file: {0}")]
    Turn(#[from] TurnSecretError),
    /// A file or directory.
    #[error("{what}: {error}; make it accessible to the user that runs the server")]
    File {
        /// Which one.
        what: String,
        /// What the system says.
        error: io::Error,
    },
    /// What systemd listens on for us.
    #[error(transparent)]
    Inherited(#[from] InheritedError),
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
    /// Where it listens for certificate authorities.
    pub acme: Vec<SocketAddr>,
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
    // No command makes calls.
    assemble_on(Disk::default(), features::all(), config, (certificates, None), clock).await
}

async fn assemble_on(
    disk: Disk,
    features: Features,
    config: Config,
    (certificates, turn_secret): (Certificates, Option<TurnSecret>),
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
        turn_secret,
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
    begin(disk, features, Inherited::default(), config, clock).await
}

/// Starts a server with the sockets that systemd listens on for it.
///
/// # Errors
/// [`StartError`]; nothing listens then.
pub async fn start_with(
    inherited: Inherited,
    config: Config,
    clock: Clock,
) -> Result<Running, StartError> {
    begin(Disk::default(), features::all(), inherited, config, clock).await
}

async fn begin(
    disk: Disk,
    features: Features,
    inherited: Inherited,
    config: Config,
    clock: Clock,
) -> Result<Running, StartError> {
    let secrets = (load_certificates(&config)?, load_turn_secret(&config)?);
    let (server, fatal) = assemble_on(disk, features, config, secrets, clock).await?;
    accounts::resume_removals(&server).await?;
    stream_management::load(&server).await?;
    let config = server.config();
    let limits = &config.limits;
    let meter = Arc::clone(&server.metrics.connections);
    let slots = Slots::counted(limits.connections, limits.connections_per_address, meter);
    let doors = Doors::bind(&config, inherited, &slots)?;
    let (c2s, c2s_tls) = doors.streams();
    let Addresses { https, http, acme, local } = doors.addresses();
    // It is empty: this server has just been made.
    server.addresses.get_or_init(|| doors.addresses());
    let (tasks, task) = Tasks::new();
    admin::listen(Arc::clone(&server), &config.admin_socket, task.clone()).map_err(|error| {
        StartError::File { what: config.admin_socket.display().to_string(), error }
    })?;
    doors.open(&server, &slots, &task);
    for step in 0..server.features.timed_steps().len() {
        tokio::spawn(repeat(Arc::clone(&server), step, task.clone()));
    }
    tokio::spawn(write_streams_down(Arc::clone(&server), task.clone()));
    tokio::spawn(status::watch(Arc::clone(&server), task));
    server.set_serving(true);
    Ok(Running { server, c2s, c2s_tls, https, http, acme, local, tasks, fatal })
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
    /// Reads certificates and what is shared with the TURN server again, and puts a new configuration in place. What needs a restart, such
    /// as addresses, stays as it is.
    ///
    /// # Errors
    /// A certificate or that secret cannot be used; everything stays as it was.
    pub fn reload(&self, config: Config) -> Result<(), StartError> {
        let certificates = load_certificates(&config)?;
        let turn_secret = load_turn_secret(&config)?;
        self.server.replace(Arc::new(config), certificates, turn_secret);
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

fn load_turn_secret(config: &Config) -> Result<Option<TurnSecret>, StartError> {
    Ok(config.turn.as_ref().map(|turn| TurnSecret::read(&turn.secret_file)).transpose()?)
}

async fn open_accounts(
    config: &Config,
    store: &Store,
    clock: &Clock,
) -> Result<Accounts, StartError> {
    let pepper = match &config.pepper_file {
        None => None,
        Some(path) => {
            let secret = read_secret(path).map_err(StartError::PepperFile)?;
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
