//! From `File` to `Config`: what can be judged only beside other options, or on disk.
//!
//! Not `TryFrom<File>`: how far to look is the caller's choice, and there are warnings to hand
//! back beside the result.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;

use super::certificate::{judge, pair, read_chain, read_key};
use super::options::{File, HostTable, Limits, ListenTable};
use super::report::Report;
use super::secret::{check_path, read_secret};
use super::value::{At, SecretPath};
use super::{Check, Config, Host, Listen, acme, rooms, service, turn, web};
use crate::nix::in_nix_store;

/// Linux: `sun_path` has 108 bytes with the closing zero.
const LONGEST_SOCKET_PATH: usize = 107;

/// As many as the key that is made of it has.
const SHORTEST_PEPPER: usize = 32;

/// Makes `Config` of `File`. `None` has been reported.
pub(super) fn settle(file: File, check: Check, report: &mut Report<'_>) -> Option<Config> {
    check_data_dir(&file.data_dir, report);
    check_socket(&file.admin_socket, report);
    check_limits(&file.limits, report);
    check_domains(&file.host, report);
    service::check(&file.host, report);
    rooms::check(&file.host, &file.limits, report);
    check_addresses(&file.listen, report);
    web::check(&file.listen, report);
    acme::check(&file.listen, &file.acme, check, report);
    if let Some(pepper) = &file.pepper_file {
        check_pepper(pepper, check, report);
    }
    turn::check(&file.turn, check, report);
    for host in &file.host {
        check_files(host, check, report);
    }
    Some(Config {
        data_dir: file.data_dir.value,
        admin_socket: file.admin_socket.value,
        pepper_file: file.pepper_file.map(|path| path.value.0),
        log_level: file.log_level,
        worker_threads: file.worker_threads,
        hosts: settled_hosts(file.host, &file.limits)?,
        listen: settled_listen(file.listen),
        tls: file.tls,
        limits: file.limits,
        timeouts: file.timeouts,
        auth: file.auth,
        store: file.store,
        archive: file.archive,
        http: file.http,
        upload: file.upload,
        turn: turn::settled(file.turn),
        acme: file.acme,
    })
}

fn settled_listen(listen: ListenTable) -> Listen {
    Listen {
        c2s: values(listen.c2s),
        c2s_tls: values(listen.c2s_tls),
        https: values(listen.https),
        http: values(listen.http),
        acme: values(listen.acme),
        local: values(listen.local),
        proxies: listen.proxies,
    }
}

fn settled_hosts(hosts: Vec<HostTable>, limits: &Limits) -> Option<Vec<Host>> {
    hosts.into_iter().map(|host| settled_host(host, limits)).collect()
}

/// `None` when something required is missing, which its reader has reported.
fn settled_host(host: HostTable, limits: &Limits) -> Option<Host> {
    Some(Host {
        services: service::settled(&host),
        rooms: rooms::settled(&host.rooms, limits),
        upload: web::uploads(&host.upload),
        invites: web::invites(host.invites),
        web: host.web,
        domain: host.domain?.value,
        certificate: host.certificate?.value.0,
        key_file: host.key_file?.value.0,
        password_hash: host.password_hash,
        encryption: host.encryption,
        retention: host.retention,
        contact: host.contact,
    })
}

fn values<T>(written: Vec<At<T>>) -> Vec<T> {
    written.into_iter().map(|at| at.value).collect()
}

fn check_data_dir(dir: &At<PathBuf>, report: &mut Report<'_>) {
    if in_nix_store(&dir.value) {
        let text = "lies in the Nix store, which cannot be written; put it under /var/lib";
        report.mistake(dir.at, "data_dir", text);
    }
}

fn check_socket(socket: &At<PathBuf>, report: &mut Report<'_>) {
    let length = socket.value.as_os_str().len();
    if length > LONGEST_SOCKET_PATH {
        let text = format!(
            "is {length} bytes long, and a socket's path may have {LONGEST_SOCKET_PATH}; choose a shorter one"
        );
        report.mistake(socket.at, "admin_socket", text);
    }
    if in_nix_store(&socket.value) {
        let text = "lies in the Nix store, which cannot be written; put it under /run";
        report.mistake(socket.at, "admin_socket", text);
    }
}

/// An outbox that cannot hold one stanza would close the session of everybody who is sent it.
fn check_limits(limits: &Limits, report: &mut Report<'_>) {
    let (outbox, stanza) = (limits.outbox_bytes, limits.stanza_bytes);
    if outbox >= stanza {
        return;
    }
    let at = report
        .written_at("limits.outbox_bytes")
        .or(report.written_at("limits.stanza_bytes"))
        .unwrap_or_default();
    let text = format!(
        "{outbox} is below limits.stanza_bytes, {stanza}, so that the largest stanza could not be delivered; raise it"
    );
    report.mistake(at, "limits.outbox_bytes", text);
}

fn check_domains(hosts: &[HostTable], report: &mut Report<'_>) {
    if hosts.is_empty() && !report.is_mistaken("host") {
        let text = "is missing; add a [[host]] table with domain, certificate and key_file";
        let at = report.written_at("host").unwrap_or_default();
        report.mistake(at, "host", text);
    }
    let domains: Vec<_> = hosts.iter().filter_map(|host| host.domain.as_ref()).collect();
    for (index, domain) in domains.iter().enumerate() {
        let same = |other: &&&At<_>| other.value == domain.value;
        if let Some(first) = domains.iter().take(index).find(same) {
            let text = format!(
                "\"{}\" is the domain of the [[host]] in line {} already; remove one of the two",
                domain.value.as_str(),
                report.line(first.at)
            );
            report.mistake(domain.at, "host.domain", text);
        }
    }
}

fn check_addresses(listen: &ListenTable, report: &mut Report<'_>) {
    let kinds = [
        ("listen.c2s", &listen.c2s),
        ("listen.c2s_tls", &listen.c2s_tls),
        ("listen.https", &listen.https),
        ("listen.http", &listen.http),
        ("listen.acme", &listen.acme),
        ("listen.local", &listen.local),
    ];
    let all = kinds.iter().flat_map(|(key, list)| list.iter().map(|address| (*key, address)));
    let all: Vec<_> = all.collect();
    if all.iter().all(|(key, _)| ["listen.acme", "listen.local"].contains(key)) {
        let at = report.written_at("listen").unwrap_or_default();
        report.warning(at, "listen", "has no address at all, so that no client can connect");
    }
    for (index, (key, address)) in all.iter().enumerate() {
        let before = all.iter().take(index);
        let clash = before.copied().find(|(_, other)| overlap(address.value, other.value));
        if let Some((other_key, other)) = clash {
            let text = format!(
                "{} overlaps with {} of {other_key}; remove one of the two, or change its port",
                address.value, other.value
            );
            // A default has no place in the file; what was written beside it has.
            let at = report.written_at(key).map_or(other.at, |_| address.at);
            report.mistake(at, key, text);
        }
    }
}

/// Whether the system would refuse the second of these listeners.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    // Port 0 is another free port each time.
    if one.port() != other.port() || one.port() == 0 || one.is_ipv4() != other.is_ipv4() {
        return false;
    }
    one == other || one.ip().is_unspecified() || other.ip().is_unspecified()
}

fn check_pepper(pepper: &At<SecretPath>, check: Check, report: &mut Report<'_>) {
    let path = &pepper.value.0;
    if check == Check::Syntax {
        reported(check_path(path), pepper.at, "pepper_file", report);
        return;
    }
    let secret = reported(read_secret(path), pepper.at, "pepper_file", report);
    if secret.is_some_and(|bytes| bytes.len() < SHORTEST_PEPPER) {
        let path = path.display();
        let text = format!(
            "{path} has fewer than {SHORTEST_PEPPER} bytes; make one with: (umask 077; head -c 32 /dev/urandom > '{path}')"
        );
        report.mistake(pepper.at, "pepper_file", text);
    }
}

fn check_files(host: &HostTable, check: Check, report: &mut Report<'_>) {
    match check {
        Check::Syntax => {
            if let Some(key) = &host.key_file {
                reported(check_path(&key.value.0), key.at, "host.key_file", report);
            }
        }
        Check::Full => check_certificate(host, report),
    }
}

/// Certificate and key each for itself, then beside each other and beside the domain.
fn check_certificate(host: &HostTable, report: &mut Report<'_>) {
    let chain = host.certificate.as_ref().and_then(|certificate| {
        let read = read_chain(&certificate.value.0);
        reported(read, certificate.at, "host.certificate", report)
    });
    let key = host
        .key_file
        .as_ref()
        .and_then(|key| reported(read_key(&key.value.0), key.at, "host.key_file", report));
    let (Some(chain), Some(certificate)) = (chain, &host.certificate) else {
        return;
    };
    warn_of_certificate(host, certificate.at, &chain, report);
    if let (Some(key), Some(key_file)) = (key, &host.key_file) {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let files: (&Path, &Path) = (&certificate.value.0, &key_file.value.0);
        reported(pair(chain, key, files, &provider), key_file.at, "host.key_file", report);
    }
}

fn warn_of_certificate(
    host: &HostTable,
    at: usize,
    chain: &[CertificateDer<'_>],
    report: &mut Report<'_>,
) {
    let (Some(own), Some(domain)) = (chain.first(), &host.domain) else {
        return;
    };
    for warning in judge(own, domain.value.as_str(), SystemTime::now()) {
        report.warning(at, "host.certificate", warning.to_string());
    }
}

/// What was read, or nothing and a mistake.
pub(super) fn reported<T, E: Display>(
    read: Result<T, E>,
    at: usize,
    key: &str,
    report: &mut Report<'_>,
) -> Option<T> {
    read.map_err(|error| report.mistake(at, key, error.to_string())).ok()
}
