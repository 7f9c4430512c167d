//! `[turn]`: what is missing, what cannot be used, and what becomes of the rest.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::*;

/// A configuration, checked with a file of that content and mode as the secret.
fn full(content: &[u8], mode: u32) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("turn");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    let text = turn(&format!("domain = 'turn.example.org'\nsecret_file = '{}'", path.display()));
    // The certificate of the least configuration is missing, too.
    let errors = Config::parse(&text, "c.toml", Check::Full).unwrap_err();
    let said = errors.mistakes().iter().filter(|finding| finding.key == "turn.secret_file");
    said.map(|finding| finding.text.clone()).collect()
}

fn turn(options: &str) -> String {
    format!("[turn]\n{options}\n{HOST}")
}

fn only_mistake(options: &str) -> String {
    let errors = parse(&turn(options)).expect_err(options);
    assert_eq!(errors.mistakes().len(), 1, "{errors}");
    errors.to_string()
}

#[test]
fn there_is_no_turn_server_unless_it_is_written() {
    assert_eq!(defaults().turn, None);
}

#[test]
fn a_turn_server_is_a_name_and_a_secret() {
    let (config, warnings) =
        parse(&turn("domain = 'Turn.Example.org'\nsecret_file = '/run/secrets/turn'")).unwrap();
    assert_eq!(warnings, []);
    let turn = config.turn.unwrap();
    assert_eq!((turn.host.as_str(), turn.port, turn.tls_port), ("turn.example.org", 3478, None));
    assert_eq!(turn.secret_file, Path::new("/run/secrets/turn"));
    assert_eq!(turn.lifetime, Duration::from_secs(86_400));
}

#[test]
fn the_name_is_one_that_the_dns_and_uris_have() {
    for (written, meant) in [
        ("bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
    ] {
        let (config, _) =
            parse(&turn(&format!("domain = '{written}'\nsecret_file = '/s'"))).unwrap();
        assert_eq!(config.turn.unwrap().host.as_str(), meant);
    }
    for written in ["", "turn.example.org:3478", "turn:turn.example.org", "a b", "a..b"] {
        let text = only_mistake(&format!("domain = '{written}'\nsecret_file = '/s'"));
        assert!(text.contains("write the name or the IP address alone"), "{text}");
    }
}

#[test]
fn a_name_without_a_secret_is_a_mistake_and_a_secret_without_a_name_a_warning() {
    let text = only_mistake("domain = 'turn.example.org'");
    assert!(
        text.starts_with("c.toml:2:10: turn.secret_file: is missing; write the path"),
        "{text}"
    );
    let (config, warnings) = parse(&turn("secret_file = '/s'")).unwrap();
    assert_eq!(config.turn, None);
    assert!(warnings[0].to_string().contains("turn.domain: is missing"), "{warnings:?}");
}

#[test]
fn the_secret_may_not_lie_in_the_nix_store_nor_in_the_configuration() {
    let text = only_mistake("domain = 'turn.example.org'\nsecret_file = '/nix/store/x'");
    assert!(text.contains("turn.secret_file: /nix/store/x lies in the Nix store"), "{text}");
    let text = only_mistake("domain = 'turn.example.org'\nsecret_file = 'SECRETSECRETSECRET'");
    assert!(text.contains("is not a path") && !text.contains("SECRET"), "{text}");
}

#[test]
fn the_secret_is_one_line_that_cannot_be_guessed_and_that_others_cannot_read() {
    let long = [b'x'; 32];
    for (content, mode, said) in [
        (&long[..], 0o644, "chmod o-r"),
        (b"", 0o600, "is empty"),
        (b"\n", 0o600, "has fewer than 16 bytes; make one with"),
        (b"fifteen bytes..\n", 0o600, "has fewer than 16 bytes; make one with"),
        (b"0123456789abcdef\nsecond line\n", 0o600, "is no single line"),
        (b"0123456789abcdef\n\n", 0o600, "is no single line"),
        (b"0123456789abcdef\xff\xff", 0o600, "is no single line"),
        (b"0123456789abcdef\0", 0o600, "is no single line"),
    ] {
        let text = full(content, mode);
        assert!(text.contains(said) && !text.contains("0123456789"), "{said}: {text}");
    }
    for content in [&long[..], b"0123456789abcdef", b"0123456789abcdef\n", b"0123456789abcdef\r\n"]
    {
        assert_eq!(full(content, 0o600), "");
    }
}

#[test]
fn a_password_is_that_of_the_draft_and_the_end_of_the_line_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in [("a", "north-wind-and-sun"), ("b", "north-wind-and-sun\n")] {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let secret = TurnSecret::read(&path).unwrap();
        // printf 1433895918:mbzrxpgjys | openssl dgst -sha1 -hmac north-wind-and-sun -binary | base64
        assert_eq!(secret.password("1433895918:mbzrxpgjys"), "b2c/Z7I/2DM3uZrcNgfuJJcqqI0=");
        assert_eq!(format!("{secret:?}"), "TurnSecret");
    }
}
