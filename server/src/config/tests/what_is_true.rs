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
    assert_eq!(config.hosts[1].service(ServiceKind::Pubsub), None);
}

#[test]
fn there_are_rooms_and_files_below_each_domain_and_no_other_service_unless_it_is_written() {
    let two = format!("{HOST}{}", HOST.replace("example", "chat.example"));
    let (config, _) = parse(&two).unwrap();
    for (host, domain) in config.hosts.iter().zip(["example.org", "chat.example.org"]) {
        let found: Vec<_> =
            host.services.iter().map(|service| (service.kind, service.domain.as_str())).collect();
        let (rooms, upload) = (format!("rooms.{domain}"), format!("upload.{domain}"));
        assert_eq!(found, [(ServiceKind::Rooms, &*rooms), (ServiceKind::Upload, &*upload)]);
        assert_eq!(config.service(&rooms), Some((ServiceKind::Rooms, host)));
        assert_eq!(config.service(&upload), Some((ServiceKind::Upload, host)));
    }
}

#[test]
fn rooms_can_have_another_address_or_be_switched_off() {
    let services = |rooms: &str| {
        let (config, warnings) = parse(&format!("{HOST}[host.rooms]\n{rooms}")).unwrap();
        assert_eq!(warnings, []);
        config.hosts[0].service(ServiceKind::Rooms).map(|domain| domain.as_str().to_owned())
    };
    assert_eq!(services("domain = 'Talk.example.net'").as_deref(), Some("talk.example.net"));
    assert_eq!(services("enabled = false"), None);
    assert_eq!(services("enabled = false\ndomain = 'talk.example.net'"), None);
}

#[test]
fn a_new_room_is_for_its_members_lasting_hidden_and_kept_unless_something_else_is_written() {
    let rooms = defaults().hosts[0].rooms.clone();
    assert_eq!((rooms.create, rooms.users), (RoomCreators::Everybody, RoomUsers::Domain));
    assert_eq!((rooms.retention, rooms.empty_after), (None, Duration::from_secs(30 * 86_400)));
    let defaults = RoomDefaults {
        members_only: true,
        anonymous: false,
        public: false,
        persistent: true,
        archive: true,
        moderated: false,
        max_users: 1000,
    };
    assert_eq!(rooms.defaults, defaults);
}

#[test]
fn everything_of_rooms_can_be_written() {
    let text = format!(
        "{HOST}[host.rooms]\ncreate = 'admins'\nusers = 'server'\nretention = '90d'\n\
         empty_after = '1d'\nmembers_only = false\nanonymous = true\npublic = true\n\
         persistent = false\narchive = false\nmoderated = true\nmax_users = 20\n"
    );
    let wanted = Rooms {
        create: RoomCreators::Admins,
        users: RoomUsers::Server,
        retention: Some("90d".parse().unwrap()),
        empty_after: Duration::from_secs(86_400),
        defaults: RoomDefaults {
            members_only: false,
            anonymous: true,
            public: true,
            persistent: false,
            archive: false,
            moderated: true,
            max_users: 20,
        },
    };
    assert_eq!(parse(&text).unwrap().0.hosts[0].rooms, wanted);
}

#[test]
fn the_default_size_of_a_new_room_gives_way_to_the_limit_of_all() {
    let (config, _) = parse(&format!("[limits]\nroom_occupants = 50\n{HOST}")).unwrap();
    assert_eq!(config.hosts[0].rooms.defaults.max_users, 50);
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
    let none = "listen = { c2s = [], c2s_tls = [], https = [] }";
    let (_, warnings) = parse(&format!("{none}\n{HOST}")).unwrap();
    assert!(warnings[0].to_string().contains("no client can connect"), "{warnings:?}");
}
