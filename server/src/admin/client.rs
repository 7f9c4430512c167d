//! The asking end, for commands.

use std::io;
use std::path::Path;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::{Answer, LONGEST_REQUEST, Line, Request};

/// A list of all accounts of a university is a few MiB; what is longer is no answer of ours.
const LONGEST_ANSWER: u64 = 256 << 20;

/// A connection to a running server.
#[derive(Debug)]
pub struct Connection(BufReader<UnixStream>);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server did not carry the request out. The text ends with the remedy.
    #[error("{0}")]
    Refused(String),
    /// The server would not read it.
    #[error("more is wanted at once than the server takes; ask for less")]
    TooLong,
    /// The connection broke, so that nobody knows whether it was carried out.
    #[error("the server closed the connection without an answer; see its log, then try again")]
    Lost,
    /// Not an answer of this version.
    #[error("the server's answer cannot be read ({0}); use the command of the server's version")]
    Unreadable(#[from] serde_json::Error),
}

/// Connects to the server; `None` if none is running.
///
/// # Errors
/// What the system says, such as that this user may not open the socket.
pub async fn connect(path: &Path) -> io::Result<Option<Connection>> {
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(Some(Connection(BufReader::new(stream)))),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(None),
            _ => Err(error),
        },
    }
}

impl Connection {
    /// Asks, and waits for the answer. `progress` hears how many records a long request has seen.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn ask(
        &mut self,
        request: &Request,
        mut progress: impl FnMut(u64),
    ) -> Result<Answer, ClientError> {
        let mut json = Zeroizing::new(serde_json::to_vec(request)?);
        json.push(b'\n');
        if json.len() > LONGEST_REQUEST {
            return Err(ClientError::TooLong);
        }
        self.0.write_all(&json).await.map_err(|_| ClientError::Lost)?;
        loop {
            match self.line().await? {
                Line::Progress(rows) => progress(rows),
                Line::Done(answer) => return Ok(answer),
                Line::Failed(text) => return Err(ClientError::Refused(text)),
            }
        }
    }

    async fn line(&mut self) -> Result<Line, ClientError> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.0).take(LONGEST_ANSWER);
        bounded.read_until(b'\n', &mut line).await.map_err(|_| ClientError::Lost)?;
        match line.last() {
            Some(b'\n') => Ok(serde_json::from_slice(&line)?),
            _ => Err(ClientError::Lost),
        }
    }
}
