//! The real binary: commands that run to their end, and servers that run until they are told.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use cloister::ns;
use cloister::xml::Element;
use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::kit::tls::Authority;
use crate::kit::{Client, Hash, RawClient, Scram, within};

/// What a command left behind.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    /// The answer of a command that must have succeeded.
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// The complaint of a command that must have failed.
    pub fn failed(self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        self.stderr
    }

    /// The answer as JSON.
    pub fn json(self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The binary, with none of our environment's opinions.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloister"));
    for name in [
        "CLOISTER_CONFIG",
        "CREDENTIALS_DIRECTORY",
        "JOURNAL_STREAM",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
    ] {
        command.env_remove(name);
    }
    command.args(arguments).kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub async fn run(arguments: &[&str]) -> Done {
    run_with(command(arguments), "").await
}

/// The same, with something on standard input.
pub async fn run_with(mut command: Command, input: &str) -> Done {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that asks for nothing may be gone already.
    stdin.write_all(input.as_bytes()).await.unwrap_or_default();
    drop(stdin);
    let output = within("the command's end", child.wait_with_output()).await.unwrap();
    Done {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A configuration with its certificates and its data.
pub struct Site {
    directory: TempDir,
    authority: Authority,
}

impl Site {
    /// A configuration for `localhost` on free ports.
    pub fn new() -> Self {
        Site::with("")
    }

    /// The same, with lines at the end.
    pub fn with(more: &str) -> Self {
        let site = Site { directory: tempfile::tempdir().unwrap(), authority: Authority::new() };
        site.write(more);
        site
    }

    /// Writes the configuration anew, with lines at the end.
    pub fn write(&self, more: &str) {
        std::fs::write(self.config(), self.text("admin.sock", more)).unwrap();
    }

    /// A configuration with the admin socket elsewhere.
    pub fn text(&self, socket: &str, more: &str) -> String {
        let files = self.authority.issued("localhost", self.path());
        format!(
            "data_dir = \"{dir}/data\"\n\
             admin_socket = \"{dir}/{socket}\"\n\
             auth.scram_iterations = 4096\n\
             [[host]]\n\
             domain = \"localhost\"\n\
             certificate = \"{certificate}\"\n\
             key_file = \"{key}\"\n\
             [listen]\n\
             c2s = [\"127.0.0.1:0\"]\n\
             c2s_tls = [\"127.0.0.1:0\"]\n\
             https = [\"127.0.0.1:0\"]\n\
             local = [\"127.0.0.1:0\"]\n\
             {more}\n",
            dir = self.path().display(),
            certificate = files.certificate.display(),
            key = files.key.display(),
        )
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    pub fn config(&self) -> PathBuf {
        self.path().join("cloister.toml")
    }

    pub fn socket(&self) -> PathBuf {
        self.path().join("admin.sock")
    }

    /// A command with this configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(&["--config"]);
        command.arg(self.config()).args(arguments);
        command
    }

    pub async fn run(&self, arguments: &[&str]) -> Done {
        run_with(self.command(arguments), "").await
    }

    pub async fn run_with(&self, arguments: &[&str], input: &str) -> Done {
        run_with(self.command(arguments), input).await
    }

    /// Makes an account through the command.
    pub async fn account(&self, jid: &str, password: &str) {
        self.run_with(&["user", "add", jid, "--password-file", "-"], password).await.ok();
    }

    /// A running server.
    pub async fn serve(&self) -> Process {
        Process::spawn(self.command(&["serve"])).await.ready().await
    }

    /// A client that trusts our authority, with a resource.
    pub async fn login(&self, server: &Process, name: &str, password: &str) -> Client {
        let client = login(server, self.authority.client(), name, password).await;
        client.unwrap_or_else(|condition| panic!("{name} cannot log in: {condition}"))
    }

    /// Why a login fails.
    pub async fn refused(&self, server: &Process, name: &str, password: &str) -> String {
        match login(server, self.authority.client(), name, password).await {
            Ok(client) => panic!("{} could log in", client.jid()),
            Err(condition) => condition,
        }
    }
}

/// Logs in over STARTTLS with SCRAM-SHA-256-PLUS, and binds.
///
/// # Errors
/// The condition of the failure.
pub async fn login(
    server: &Process,
    tls: ClientConfig,
    name: &str,
    password: &str,
) -> Result<Client, String> {
    let (local, domain) = name.split_once('@').unwrap_or((name, "localhost"));
    let clear = RawClient::connect(server.starttls()).await;
    let raw = clear.starttls(tls, domain).await.unwrap();
    enter(raw, local, domain, password).await
}

/// From inside TLS to a resource.
///
/// # Errors
/// The condition of the failure.
pub async fn enter(
    mut raw: RawClient,
    local: &str,
    domain: &str,
    password: &str,
) -> Result<Client, String> {
    raw.open(domain).await;
    let exporter = raw.exporter();
    raw.scram(&Scram::bound(Hash::Sha256, local, password, "tls-exporter", exporter)).await?;
    raw.open(domain).await;
    let jid = raw.bind(None).await?;
    Ok(Client::new(raw, jid, Arc::default()))
}

/// A client that trusts what is in a file.
pub fn trusting(path: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(path).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A server that runs until it is told to stop, or is dropped.
pub struct Process {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Process {
    pub async fn spawn(command: Command) -> Self {
        Process::spawn_with(command, Stdio::null()).await
    }

    /// The same, with something as its standard input.
    pub async fn spawn_with(mut command: Command, stdin: Stdio) -> Self {
        let piped = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let stdout = Lines::of(child.stdout.take().unwrap());
        let stderr = Lines::of(child.stderr.take().unwrap());
        Process { child, stdout, stderr }
    }

    /// Waits until it serves.
    pub async fn ready(mut self) -> Self {
        tokio::select! {
            _ = self.stdout.line("Ready:") => {}
            status = self.child.wait() => {
                panic!("it ended with {status:?}: {}", self.stderr.text.lock().unwrap())
            }
        }
        self
    }

    /// What it has printed until now.
    pub fn printed(&self) -> String {
        self.stdout.text.lock().unwrap().clone()
    }

    /// What it has logged until now.
    pub fn logged(&self) -> String {
        self.stderr.text.lock().unwrap().clone()
    }

    /// Waits for a line in the log.
    pub async fn logs(&self, part: &str) -> String {
        self.stderr.line(part).await
    }

    /// The first address for STARTTLS.
    pub fn starttls(&self) -> SocketAddr {
        self.address("STARTTLS on ")
    }

    /// The first address for direct TLS.
    pub fn direct(&self) -> SocketAddr {
        self.address(", TLS on ")
    }

    fn address(&self, before: &str) -> SocketAddr {
        let printed = self.printed();
        let (_, after) = printed.split_once(before).unwrap();
        after.split([' ', ',', '\n']).next().unwrap().parse().unwrap()
    }

    /// The number of the process.
    pub fn id(&self) -> i32 {
        i32::try_from(self.child.id().expect("it runs")).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        let id = self.id();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// The exit code, once it has ended.
    pub async fn ended(&mut self) -> Option<i32> {
        within("the server's end", self.child.wait()).await.unwrap().code()
    }

    /// Asks it to stop; it must do so in order.
    pub async fn stop(mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.ended().await, Some(0), "{}", self.logged());
    }

    /// As a power cut would.
    pub async fn kill(mut self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }
}

impl Drop for Process {
    /// A test that fails shows what its server had to say.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.logged());
        }
    }
}

/// What comes out of a process, line by line.
struct Lines {
    text: Arc<Mutex<String>>,
    grown: watch::Receiver<usize>,
}

impl Lines {
    fn of(from: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let (grow, grown) = watch::channel(0);
        let all = Arc::clone(&text);
        tokio::spawn(async move {
            let mut lines = BufReader::new(from).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                all.lock().unwrap().push_str(&format!("{line}\n"));
                grow.send_modify(|count| *count += 1);
            }
        });
        Lines { text, grown }
    }

    /// Waits for the first line that holds `part`.
    async fn line(&self, part: &str) -> String {
        let found = || {
            let text = self.text.lock().unwrap();
            text.lines().find(|line| line.contains(part)).map(str::to_owned)
        };
        let mut grown = self.grown.clone();
        within(&format!("a line with {part:?}"), async {
            loop {
                if let Some(line) = found() {
                    return line;
                }
                if grown.changed().await.is_err() {
                    return found().unwrap_or_else(|| {
                        panic!("no line with {part:?} in {:?}", self.text.lock().unwrap())
                    });
                }
            }
        })
        .await
    }
}

/// Whether a presence of that type comes from there.
pub fn is_presence(stanza: &Element, kind: &str, from: &str) -> bool {
    stanza.is(ns::CLIENT, "presence")
        && stanza.attr("type") == Some(kind)
        && stanza.attr("from") == Some(from)
}
