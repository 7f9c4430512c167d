//! The listening end: a few connections at a time, each with a deadline for its next request.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{LONGEST_REQUEST, Line, Request, execute};
use crate::server::Server;
use crate::task::Task;

/// For the whole of a request to come, and for an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Commands at the same time; further ones wait in the backlog.
const CONNECTIONS: usize = 16;

/// Commands that the kernel keeps for us meanwhile.
const BACKLOG: i32 = 64;

/// How long to wait when the machine has no descriptors for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves the operator on a Unix socket of mode 0600 until the server stops. A directory that is
/// missing is made for the server's user alone; a socket that nobody answers on is replaced.
///
/// # Errors
/// The socket cannot be made, or another server answers on it.
pub fn listen(server: Arc<Server>, path: &Path, task: Task) -> io::Result<()> {
    let listener = bind(path)?;
    let place = Place::of(path)?;
    tokio::spawn(accept(server, listener, place, task));
    Ok(())
}

/// A socket's file, removed in the end unless another one lies there by then.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    inode: (u64, u64),
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Place { path: path.to_owned(), inode: inode(path)? })
    }
}

/// What tells a file from another one that takes its name.
fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let facts = fs::symlink_metadata(path)?;
    Ok((facts.dev(), facts.ino()))
}

impl Drop for Place {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|now| now == self.inode) {
            // What cannot be removed is replaced at the next start.
            fs::remove_file(&self.path).unwrap_or_default();
        }
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    remove_stale(path)?;
    // The mode is set before there is a name: nobody else can connect in between.
    let unnamed = OwnedFd::from(Socket::new(Domain::UNIX, Type::STREAM, None)?);
    let unnamed = File::from(unnamed);
    unnamed.set_permissions(Permissions::from_mode(0o600))?;
    let socket = Socket::from(OwnedFd::from(unnamed));
    socket.bind(&SockAddr::unix(path)?)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    UnixListener::from_std(OwnedFd::from(socket).into())
}

/// Removes a socket that a killed server left behind, and nothing else.
fn remove_stale(path: &Path) -> io::Result<()> {
    let there = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        there => there?,
    };
    if !there.file_type().is_socket() {
        let text = "there is a file of that name that is no socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another server answers there")),
    }
}

async fn accept(server: Arc<Server>, listener: UnixListener, place: Place, mut task: Task) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = next(&listener, &slots) => accepted,
            () = task.stopped() => break,
        };
        match accepted {
            Ok((stream, slot)) => {
                let connection = Connection::new(Arc::clone(&server), stream, task.clone());
                tokio::spawn(connection.serve(slot));
            }
            Err(error) => {
                tracing::warn!(reason = %error.kind(), "cannot accept commands for now");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(place);
}

async fn next(
    listener: &UnixListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(UnixStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    Ok((listener.accept().await?.0, slot))
}

struct Connection {
    server: Arc<Server>,
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    task: Task,
}

impl Connection {
    fn new(server: Arc<Server>, stream: UnixStream, task: Task) -> Self {
        let (reader, writer) = stream.into_split();
        Connection { server, reader: BufReader::new(reader), writer, task }
    }

    async fn serve(mut self, slot: OwnedSemaphorePermit) {
        if let Err(error) = self.talk().await {
            tracing::debug!(reason = %error.kind(), "a command went away");
        }
        drop(slot);
    }

    async fn talk(&mut self) -> io::Result<()> {
        loop {
            let line = tokio::select! {
                line = timeout(PATIENCE, read_line(&mut self.reader)) => line??,
                () = self.task.stopped() => return Ok(()),
            };
            let Some(line) = line else { return Ok(()) };
            match serde_json::from_slice(&line) {
                Ok(request) => self.carry_out(request).await?,
                Err(error) => {
                    let text = format!("the request cannot be read: {error}; correct it");
                    self.write(&Line::Failed(text)).await?;
                }
            }
        }
    }

    async fn carry_out(&mut self, request: Request) -> io::Result<()> {
        // What only reads may be left half-done when the server stops.
        let reads = matches!(
            request,
            Request::Status | Request::StoreCheck | Request::DoctorOmemo { repair: false, .. }
        );
        let (progress, mut seen) = watch::channel(0);
        let server = Arc::clone(&self.server);
        let work = execute(&server, request, move |rows| {
            progress.send_replace(rows);
        });
        tokio::pin!(work);
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                Ok(()) = seen.changed() => {
                    let rows = *seen.borrow_and_update();
                    self.write(&Line::Progress(rows)).await?;
                }
                () = self.task.stopped(), if reads => {
                    let text = "the server stops; try again".to_owned();
                    return self.write(&Line::Failed(text)).await;
                }
            }
        };
        let line = done.map_or_else(|error| Line::Failed(error.to_string()), Line::Done);
        self.write(&line).await
    }

    async fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut json = serde_json::to_vec(line)?;
        json.push(b'\n');
        timeout(PATIENCE, self.writer.write_all(&json)).await?
    }
}

/// A whole line without its end; nothing when the other side has closed.
async fn read_line(
    reader: &mut BufReader<OwnedReadHalf>,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(Vec::new());
    let mut bounded = reader.take(LONGEST_REQUEST as u64);
    bounded.read_until(b'\n', &mut line).await?;
    match line.pop() {
        Some(b'\n') => Ok(Some(line)),
        None => Ok(None),
        // Too long, or cut off: what follows cannot be told from the rest.
        Some(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}
