//! How a command reaches the data: through the running server, or by itself if there is none.
//! Whichever it is, it stays so for all that a command asks, and the store is opened once.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};

use super::load;
use crate::admin::{self, AdminError, Answer, ClientError, Connection, Request};
use crate::clock::Clock;
use crate::config::{Check, Config};
use crate::lifecycle::{self, StartError};
use crate::net::tls::Certificates;
use crate::server::Server;
use crate::store::StoreError;

/// Carries out a request. `progress` hears how many records a long one has seen.
///
/// The configuration is judged without the files it names: a command needs no certificate.
pub(super) fn ask(
    config: &Path,
    request: Request,
    progress: impl FnMut(u64) + Send,
) -> anyhow::Result<Answer> {
    within(config, async |operator| operator.ask(request, progress).await)
}

/// Does all that a command has to do. The configuration is judged as in [`ask`].
pub(super) fn within<T>(
    config: &Path,
    work: impl AsyncFnOnce(&mut Operator) -> Result<T, Failed>,
) -> anyhow::Result<T> {
    let (config, _) = load(config, Check::Syntax)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start a thread; look at the limits of this user, then try again")?;
    runtime.block_on(async {
        let mut operator = Operator::reach(config).await?;
        let done = work(&mut operator).await;
        operator.leave().await;
        Ok(done?)
    })
}

/// Who carries requests out.
pub(super) enum Operator {
    /// A server that runs.
    Server(Connection),
    /// This process.
    Alone(Arc<Server>),
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// It cannot be; the next one may.
    #[error("{0}")]
    Refused(String),
    /// Nobody carries out requests any more.
    #[error(transparent)]
    Lost(#[from] anyhow::Error),
}

impl From<ClientError> for Failed {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(_) | ClientError::TooLong => Failed::Refused(error.to_string()),
            ClientError::Lost | ClientError::Unreadable(_) => Failed::Lost(error.into()),
        }
    }
}

impl From<AdminError> for Failed {
    fn from(error: AdminError) -> Self {
        Failed::Refused(error.to_string())
    }
}

impl Operator {
    /// Carries out a request. `progress` hears how many records a long one has seen.
    pub(super) async fn ask(
        &mut self,
        request: Request,
        progress: impl FnMut(u64) + Send,
    ) -> Result<Answer, Failed> {
        match self {
            Operator::Server(server) => Ok(server.ask(&request, progress).await?),
            Operator::Alone(server) => Ok(admin::execute(server, request, progress).await?),
        }
    }

    async fn reach(config: Config) -> anyhow::Result<Self> {
        match admin::connect(&config.admin_socket).await {
            Ok(Some(server)) => Ok(Operator::Server(server)),
            Ok(None) => alone(config).await.map(Operator::Alone),
            Err(error) => Err(unreachable(&config.admin_socket, &error)),
        }
    }

    async fn leave(self) {
        if let Operator::Alone(server) = self {
            server.close().await;
        }
    }
}

/// Asks a server that runs; there is nothing that could be told without it.
pub(super) fn ask_running(config: &Path, request: Request) -> anyhow::Result<Answer> {
    let (config, _) = load(config, Check::Syntax)?;
    let socket = config.admin_socket.display().to_string();
    match ask_if_running(&config, &request)? {
        Some(answer) => Ok(answer),
        None => bail!("no server answers at {socket}; start it, or give its configuration"),
    }
}

/// The same, with nothing if no server runs.
pub(super) fn ask_if_running(config: &Config, request: &Request) -> anyhow::Result<Option<Answer>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot ask the server; look at the limits of this user, then try again")?;
    runtime.block_on(async {
        match admin::connect(&config.admin_socket).await {
            Ok(Some(mut server)) => Ok(Some(server.ask(request, |_| ()).await?)),
            Ok(None) => Ok(None),
            Err(error) => Err(unreachable(&config.admin_socket, &error)),
        }
    })
}

async fn alone(config: Config) -> anyhow::Result<Arc<Server>> {
    check_owner(&config.data_dir)?;
    let socket = config.admin_socket.clone();
    let assembled = lifecycle::assemble(config, Certificates::none(), Clock::System).await;
    let (server, _fatal) = assembled.map_err(|error| not_opened(error, &socket))?;
    Ok(server)
}

/// What another user writes, the server could not read later.
fn check_owner(data_dir: &Path) -> anyhow::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    match fs::metadata(data_dir).map(|facts| facts.uid()) {
        Ok(owner) if owner != own => bail!(
            "no server runs, and {} belongs to another user (id {owner}); run the command as that user: sudo -u '#{owner}' cloister …",
            data_dir.display()
        ),
        // It is missing, and will be made; what else is wrong, opening the store will tell.
        _ => Ok(()),
    }
}

fn not_opened(error: StartError, socket: &Path) -> anyhow::Error {
    match error {
        StartError::Store(StoreError::Locked { path }) => anyhow!(
            "the store in {} is in use, but no server answers at {}; if it is starting or stopping, try again, otherwise give the configuration of the server that runs",
            path.display(),
            socket.display()
        ),
        error => error.into(),
    }
}

fn unreachable(socket: &Path, error: &io::Error) -> anyhow::Error {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied => "run the command as the server's user, or as root",
        _ => "look whether admin_socket in the configuration is right",
    };
    anyhow!("cannot reach the server at {}: {error}; {remedy}", socket.display())
}
