//! What each kind of mistake is answered.

use super::*;

#[test]
fn every_mistake_is_reported_at_once_with_its_line() {
    let text = "\
log_level = 'loud'
colour = 'red'
[[host]]
domain = 'not a domain'
key_file = '/nix/store/0c6kzph7l0dcbfmjap64f0czdafn3b7x-key.pem'
[limits]
  stanza_bytes = '5 KiB'
  sasl_attempts = 9
[timeouts]
tls = 10
[tls]
min_version = '1.1'
[listen]
c2s = ['localhost:5222', '0.0.0.0:1', '0.0.0.0:1']
[server]
";
    let errors = parse(text).unwrap_err();
    let lines: Vec<_> =
        errors.mistakes().iter().map(|m| (m.place.unwrap().0, m.key.as_str())).collect();
    let expected = [
        (1, "log_level"),
        (2, "colour"),
        (3, "host.certificate"),
        (4, "host.domain"),
        (5, "host.key_file"),
        (7, "limits.stanza_bytes"),
        (8, "limits.sasl_attempts"),
        (10, "timeouts.tls"),
        (12, "tls.min_version"),
        (14, "listen.c2s"),
        (15, "server"),
    ];
    assert_eq!(lines, expected, "{errors}");
}

#[test]
fn a_mistake_is_one_line_with_file_line_column_key_reason_and_remedy() {
    assert_eq!(
        mistake("[limits]\n  stanza_bytes = '5 KiB'"),
        "c.toml:2:18: limits.stanza_bytes: 5 KiB is below 10000 bytes, which RFC 6120 §13.12 \
         asks for; raise it"
    );
}

#[test]
fn a_text_that_is_not_toml_is_reported_in_the_same_form() {
    let all = mistakes("log_level = \nworker_threads = 2\n[limits");
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].starts_with("c.toml:1:13: is not TOML: "), "{all:?}");
    assert!(all[1].starts_with("c.toml:3:8: is not TOML: "), "{all:?}");
}

#[test]
fn a_key_that_is_written_twice_is_reported_beside_the_other_mistakes() {
    let all = mistakes("log_level = 'info'\nlog_level = 'warn'\nworker_threads = 0");
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].starts_with("c.toml:2:1: is written for the second time"), "{all:?}");
    assert!(all[1].contains("worker_threads: 0 is below 1"), "{all:?}");
}

#[test]
fn an_unknown_key_is_answered_with_the_one_that_was_meant() {
    for (text, meant) in [
        ("log-level = 'info'", "did you mean \"log_level\"?"),
        ("[limit]", "did you mean \"limits\"?"),
        ("[limits]\nstanza_byte = 1", "did you mean \"stanza_bytes\"?"),
        ("[tls]\nlog_level = 'info'", "belongs at the top of the file, above the first [table]"),
        ("stanza_bytes = '64 KiB'", "\"stanza_bytes\" belongs in [limits]"),
        ("[limits]\npassword_hash = 'scram'", "\"password_hash\" belongs in [[host]]"),
        ("[tls]\nabuse = []", "\"abuse\" belongs in [host.contact]"),
        ("federation = true", "look it up in docs/configuration.md"),
    ] {
        assert!(mistake(text).contains(meant), "{}", mistake(text));
    }
}

#[test]
fn a_value_of_the_wrong_type_is_answered_with_an_example() {
    for (text, wanted) in [
        ("data_dir = 1", "is an integer, but a path is wanted, as in \"/var/lib/cloister\""),
        ("worker_threads = '2'", "is a string, but a whole number is wanted, as in 10"),
        ("worker_threads = 2.5", "is a number with a fraction, but a whole number is wanted"),
        ("worker_threads = -1", "-1 is not a number from 0 to"),
        ("worker_threads = 99999999999999999999", "is not a number from 0 to"),
        ("worker_threads = 9999", "9999 is above 1024, the limit of this option; lower it"),
        (
            "listen.c2s = '[::]:1'",
            "is a string, but a list is wanted, each an IP address and port, as in [\"[::]:5222\"]",
        ),
        ("tls = '1.3'", "is a string, but a table is wanted; write [tls] in single brackets"),
        ("[[limits]]", "is a list, but a table is wanted; write [limits] in single brackets"),
        ("log_level = 'warning'", "there is no \"warning\"; use one of: error, warn, info, debug"),
        ("log_level = 'Info'", "did you mean \"info\"?"),
        ("timeouts.tls = '10'", "\"10\" has no unit; write it as in \"10m\""),
        ("store.cache = '32 MB MiB'", "is more than one size"),
    ] {
        assert!(mistake(text).contains(wanted), "{}", mistake(text));
    }
}

#[test]
fn a_host_in_single_brackets_is_answered_with_double_ones() {
    let errors = parse(&HOST.replace("[[host]]", "[host]")).unwrap_err();
    assert!(errors.to_string().contains("write [[host]] in double brackets"), "{errors}");
    assert_eq!(errors.mistakes().len(), 1);
}

#[test]
fn a_configuration_without_a_host_is_refused() {
    let errors = parse("").unwrap_err();
    assert!(
        errors.to_string().starts_with("c.toml:1:1: host: is missing; add a [[host]]"),
        "{errors}"
    );
    assert!(parse("host = []").is_err());
}

#[test]
fn what_a_host_must_have_is_named_at_its_header() {
    let errors = parse("\n[[host]]\n").unwrap_err().to_string();
    for key in ["domain", "certificate", "key_file"] {
        assert!(
            errors.contains(&format!(
                "c.toml:2:1: host.{key}: is missing; write it as in: {key} = \""
            )),
            "{errors}"
        );
    }
}

#[test]
fn a_domain_that_is_there_twice_names_the_line_of_the_first() {
    let upper = HOST.replace("example.org", "EXAMPLE.org");
    assert!(mistake(&upper).contains(
        "c.toml:7:10: host.domain: \"example.org\" is the domain of the [[host]] in line 2 already"
    ));
}

#[test]
fn a_service_needs_an_address_that_is_no_domain_of_accounts() {
    let two = format!(
        "{HOST}pubsub = 'Chat.example.org'\n{}",
        HOST.replace("example.org", "chat.example.org")
    );
    for (hosts, line) in [(two, 7), (format!("{HOST}pubsub = 'example.org'\n"), 2)] {
        let errors = parse(&hosts).unwrap_err();
        let wanted = format!(
            " is the domain of the [[host]] in line {line}; choose an address of the service's own"
        );
        assert_eq!(errors.mistakes().len(), 1, "{errors}");
        assert_eq!(errors.mistakes()[0].key, "host.pubsub");
        assert!(errors.to_string().contains(&wanted), "{errors}");
    }
}

#[test]
fn an_address_that_two_services_claim_names_the_line_of_the_first() {
    let host = format!("{HOST}pubsub = 'pubsub.example.net'\n");
    let errors = parse(&format!("{host}{}", host.replace("example.org", "example.com")));
    assert_eq!(
        errors.unwrap_err().to_string(),
        "c.toml:10:10: host.pubsub: \"pubsub.example.net\" is the address of the service in \
         line 5 already; choose another"
    );
}

#[test]
fn rooms_need_an_address_that_is_no_domain_of_accounts() {
    let errors = parse(&format!("{HOST}rooms.domain = 'example.org'\n")).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "c.toml:5:16: host.rooms.domain: \"example.org\" is the domain of the [[host]] in line 2; \
         choose an address of the service's own, such as \"rooms.example.org\""
    );
}

#[test]
fn a_default_address_that_is_taken_is_reported_at_its_domain_with_both_ways_out() {
    let two = format!("{HOST}{}", HOST.replace("example.org", "rooms.example.org"));
    assert_eq!(
        parse(&two).unwrap_err().to_string(),
        "c.toml:2:10: host.rooms.domain: is not written, and the default, \"rooms.example.org\", is \
         the domain of the [[host]] in line 6; write another address below this host, or enabled = \
         false, in [host.rooms]"
    );
    for way_out in ["rooms.enabled = false", "rooms.domain = 'talk.example.org'"] {
        let other = HOST.replace("example.org", "rooms.example.org");
        parse(&format!("{HOST}{way_out}\n{other}")).expect(way_out);
    }
}

#[test]
fn a_default_address_gives_way_to_one_that_is_written_whichever_comes_first() {
    let other = HOST.replace("example.org", "example.com");
    let pubsub = format!("{HOST}pubsub = 'rooms.example.org'\n");
    let before = format!("{HOST}{other}rooms.domain = 'rooms.example.org'\n");
    let behind = format!("{other}rooms.domain = 'rooms.example.org'\n{HOST}");
    for (text, line, of) in [(pubsub, 2, 5), (before, 2, 9), (behind, 7, 5)] {
        let errors = parse(&text).unwrap_err();
        let wanted =
            format!("\"rooms.example.org\", is the address of the service in line {of} already");
        assert_eq!(errors.mistakes().len(), 1, "{errors}");
        assert_eq!(errors.mistakes()[0].place, Some((line, 10)), "{errors}");
        assert!(errors.to_string().contains(&wanted), "{errors}");
    }
}

#[test]
fn a_domain_with_no_name_below_it_needs_an_address_for_its_services() {
    let host = HOST.replace("example.org", "[::1]");
    let errors = parse(&format!("{host}rooms.enabled = false\n")).unwrap_err().to_string();
    assert!(errors.contains("\"upload.[::1]\" is no domain; write an address below"), "{errors}");
    let host = format!("{host}upload.enabled = false\n");
    let errors = parse(&host).unwrap_err().to_string();
    assert!(errors.contains("\"rooms.[::1]\" is no domain; write an address below"), "{errors}");
    parse(&format!("{host}rooms.domain = 'rooms.example.org'\n")).unwrap();
    parse(&format!("{host}rooms.enabled = false\n")).unwrap();
}

#[test]
fn a_new_room_for_more_people_than_any_room_may_have_is_refused() {
    let text = mistake_in_host("rooms.max_users = 6000");
    let wanted = "c.toml:5:19: host.rooms.max_users: 6000 is above limits.room_occupants, 5000;";
    assert!(text.starts_with(wanted), "{text}");
    let text = mistake_in_host("rooms.max_users = 0");
    assert!(
        text.contains("host.rooms.max_users: 0 is below 1, the limit of this option"),
        "{text}"
    );
}

#[test]
fn the_address_of_a_service_must_be_a_domain() {
    let errors = parse(&format!("{HOST}pubsub = 'news@example.org'\n")).unwrap_err().to_string();
    assert!(errors.contains("host.pubsub: \"news@example.org\" is not an XMPP domain"), "{errors}");
}

#[test]
fn addresses_that_the_system_would_refuse_together_are_mistakes() {
    for listen in [
        "c2s = ['127.0.0.1:7', '127.0.0.1:7']",
        "c2s = ['0.0.0.0:7']\nc2s_tls = ['127.0.0.1:7']",
        "c2s = ['[::1]:7']\nc2s_tls = ['[::]:7']",
        "c2s = ['[::]:5223']",
        "c2s_tls = ['127.0.0.1:5222']",
    ] {
        assert!(mistake(&format!("[listen]\n{listen}")).contains("overlaps with"), "{listen}");
    }
}

#[test]
fn addresses_of_other_families_ports_or_hosts_do_not_overlap() {
    for listen in [
        "c2s = ['0.0.0.0:7', '[::]:7']",
        "c2s = ['127.0.0.1:7', '127.0.0.2:7']",
        "c2s = ['127.0.0.1:0', '127.0.0.1:0']",
    ] {
        assert!(parse(&format!("[listen]\n{listen}\n{HOST}")).is_ok(), "{listen}");
    }
}

#[test]
fn a_mapped_address_is_refused_since_ipv6_listeners_hear_ipv6_only() {
    assert!(mistake("listen.c2s = ['[::ffff:127.0.0.1]:7']").contains("write it as IPv4"));
}

#[test]
fn a_credential_is_named_and_leads_nowhere_else() {
    for bad in ["", "..", "../key", "deeper/key"] {
        let said = mistake(&format!("pepper_file = '$CREDENTIALS_DIRECTORY/{bad}'"));
        assert!(said.contains("pepper_file: does not name a credential"), "{said}");
    }
    let said = mistake("data_dir = '$CREDENTIALS_DIRECTORY/data'");
    assert!(said.contains("is a relative path"), "no place for what is written: {said}");
}

#[test]
fn a_relative_path_is_refused() {
    assert!(
        mistake("data_dir = 'data'").contains("\"data\" is a relative path; write the whole path")
    );
}

#[test]
fn a_socket_path_that_the_system_cannot_take_is_refused() {
    let text = format!("admin_socket = '/{}'", "s".repeat(107));
    assert!(mistake(&text).contains("is 108 bytes long"), "{}", mistake(&text));
}

#[test]
fn an_outbox_smaller_than_a_stanza_is_refused_where_it_is_written() {
    let text = mistake("[limits]\nstanza_bytes = '8 MiB'");
    assert!(
        text.starts_with(
            "c.toml:2:16: limits.outbox_bytes: 4 MiB is below limits.stanza_bytes, 8 MiB"
        ),
        "{text}"
    );
}

#[test]
fn a_contact_that_is_no_uri_is_refused() {
    let errors = parse(&format!("{HOST}contact.abuse = ['abuse@example.org']")).unwrap_err();
    assert!(
        errors.to_string().contains(
            "c.toml:5:18: host.contact.abuse: \"abuse@example.org\" is an address and not a URI"
        ),
        "{errors}"
    );
}

#[test]
fn a_secret_that_is_written_out_is_refused_and_not_repeated() {
    for secret in ["-----BEGIN PRIVATE KEY-----\\nMIGHSECRET", "SECRETSECRET", "SECRET\\n"] {
        let text = mistake(&format!("pepper_file = \"{secret}\""));
        assert!(text.contains("write the secret to a file") && !text.contains("SECRET"), "{text}");
    }
}

#[test]
fn a_certificate_that_is_written_out_is_refused() {
    let text = HOST.replace("/c/fullchain.pem", "-----BEGIN CERTIFICATE-----");
    let errors = parse(&text).unwrap_err().to_string();
    assert!(errors.contains("host.certificate: holds PEM text; write it to a file"), "{errors}");
}

#[test]
fn what_must_be_written_or_kept_secret_may_not_lie_in_the_nix_store() {
    for option in ["data_dir", "admin_socket", "pepper_file"] {
        let text = mistake(&format!("{option} = '/nix/store/x'"));
        assert!(text.contains("lies in the Nix store"), "{text}");
    }
}

#[test]
fn no_text_makes_the_reader_panic_and_every_refusal_has_a_reason() {
    const ENDS: [&str; 12] =
        ["\"", "'", "[", "]", "[[", "{", "}", "=", ".", "\n", "\u{0}", "\"\"\"é"];
    let text = example();
    for (at, _) in text.char_indices().step_by(7) {
        let (before, after) = text.split_at(at);
        let end = ENDS[at % ENDS.len()];
        for damaged in [format!("{before}{end}{after}"), format!("{before}{end}")] {
            if let Err(errors) = parse(&damaged) {
                assert!(!errors.mistakes().is_empty(), "{damaged}");
            }
        }
    }
}

/// The only mistake in `text` at the end of a valid host.
fn mistake_in_host(text: &str) -> String {
    let errors = parse(&format!("{HOST}{text}\n")).expect_err(text);
    assert_eq!(errors.mistakes().len(), 1, "{errors}");
    errors.to_string()
}

#[test]
fn what_is_in_clear_stays_on_this_machine() {
    for key in ["http", "local"] {
        let listen = |address: &str| format!("[listen]\n{key} = ['{address}']\n{HOST}");
        let errors = parse(&listen("192.0.2.1:5280")).unwrap_err().to_string();
        assert!(errors.contains("write a loopback address, such as 127.0.0.1:5280"), "{errors}");
        parse(&listen("[::1]:5280")).unwrap();
    }
}
