//! What a correct configuration becomes.

use std::path::Path;
use std::time::Duration;

use super::*;

#[test]
fn a_host_is_all_that_must_be_written() {
    let (config, warnings) = parse(HOST).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.hosts[0].domain.as_str(), "example.org");
    assert_eq!(config.hosts[0].password_hash, PasswordHash::Scram);
    assert_eq!(config.data_dir, Path::new("/var/lib/cloister"));
    assert_eq!(config.pepper_file, None);
    assert_eq!(config.limits.stanza_bytes.as_u64(), 256 * 1024);
    assert_eq!(config.timeouts.idle, Duration::from_secs(600));
    assert_eq!(config.auth.scram_iterations, 100_000);
}

#[test]
fn both_families_are_listened_on_unless_something_else_is_written() {
    let listen = defaults().listen;
    assert_eq!(listen.c2s, ["[::]:5222".parse().unwrap(), "0.0.0.0:5222".parse().unwrap()]);
    assert_eq!(listen.c2s_tls, ["[::]:5223".parse().unwrap(), "0.0.0.0:5223".parse().unwrap()]);
}

#[test]
fn everything_can_be_written() {
    let text = format!(
        "data_dir = '/d'\nadmin_socket = '/d/s'\npepper_file = '/d/p'\nlog_level = 'debug'\n\
         worker_threads = 3\n{HOST}password_hash = 'argon2id'\n\
         contact = {{ abuse = ['mailto:abuse@example.org'] }}\n\
         [listen]\nc2s = []\nc2s_tls = ['127.0.0.1:0', '127.0.0.1:0']\n\
         [tls]\nmin_version = '1.2'\n[limits]\nstanza_bytes = '64 KiB'\n\
         [timeouts]\nkeepalive = '0s'\n[auth]\nhashing_slots = 1\n[store]\ncache = '1 GiB'\n"
    );
    let (config, warnings) = parse(&text).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.pepper_file, Some("/d/p".into()));
    assert_eq!(config.log_level, LogLevel::Debug);
    assert_eq!(config.worker_threads, Some(3));
    assert_eq!(config.hosts[0].password_hash, PasswordHash::Argon2id);
    assert_eq!(config.hosts[0].contact.abuse[0].as_str(), "mailto:abuse@example.org");
    assert!(config.listen.c2s.is_empty() && config.listen.c2s_tls.len() == 2);
    assert_eq!(config.tls.min_version, TlsVersion::V12);
    assert_eq!(config.timeouts.keepalive, Duration::ZERO);
}

#[test]
fn several_domains_are_kept_in_their_order() {
    let (config, _) = parse(&format!("{HOST}{}", HOST.replace("example", "chat.example"))).unwrap();
    let domains: Vec<_> = config.hosts.iter().map(|host| host.domain.as_str()).collect();
    assert_eq!(domains, ["example.org", "chat.example.org"]);
}

#[test]
fn a_service_is_found_by_its_address_and_knows_its_host() {
    let chat = HOST.replace("example", "chat.example");
    let (config, _) = parse(&format!("{HOST}pubsub = 'Pubsub.example.org'\n{chat}")).unwrap();
    let (kind, host) = config.service("pubsub.example.org").unwrap();
    assert_eq!((kind, host.domain.as_str()), (ServiceKind::Pubsub, "example.org"));
    assert_eq!(config.service("example.org"), None);
    assert_eq!(config.hosts[1].services, []);
}

#[test]
fn there_is_no_service_unless_it_is_written() {
    assert_eq!(defaults().hosts[0].services, []);
}

#[test]
fn a_weak_count_of_iterations_is_a_warning_with_its_line() {
    let (_, warnings) = parse(&format!("[auth]\nscram_iterations = 5000\n{HOST}")).unwrap();
    assert_eq!(
        warnings[0].to_string(),
        "c.toml:2:20: auth.scram_iterations: 5000 is below 10000, below which a stolen \
         database is soon guessed through; raise it"
    );
}

#[test]
fn a_server_that_nobody_can_reach_is_a_warning() {
    let (_, warnings) = parse(&format!("listen = {{ c2s = [], c2s_tls = [] }}\n{HOST}")).unwrap();
    assert!(warnings[0].to_string().contains("no client can connect"), "{warnings:?}");
}
