//! Checks of the files that a configuration names.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;

#[test]
fn a_good_certificate_and_key_are_taken_without_a_word() {
    let disk = Disk::with_certificate("example.org");
    let (config, warnings) = disk.load().unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.hosts[0].key_file, disk.path("key.pem"));
}

#[test]
fn the_syntax_check_looks_at_no_file() {
    let (config, _) = Config::parse(HOST, "c.toml", Check::Syntax).unwrap();
    assert_eq!(config.hosts[0].key_file, Path::new("/c/key.pem"));
    let errors = Config::parse(HOST, "c.toml", Check::Full).unwrap_err();
    assert_eq!(errors.mistakes().len(), 2, "{errors}");
}

#[test]
fn a_certificate_for_another_domain_is_a_warning_that_names_both() {
    let disk = Disk::with_certificate("other.example");
    let text = disk.load().unwrap().1[0].to_string();
    assert!(
        text.contains("host.certificate: is for other.example and not for example.org"),
        "{text}"
    );
}

#[test]
fn a_wildcard_covers_a_domain_below_it() {
    let disk = Disk::with_certificate("*.example.org");
    let text = disk.config().replace("\"example.org\"", "\"chat.example.org\"");
    assert_eq!(Config::parse(&text, "c.toml", Check::Full).unwrap().1, []);
}

#[test]
fn a_key_of_another_certificate_is_a_mistake() {
    let disk = Disk::with_certificate("example.org");
    disk.write("key.pem", &rcgen::KeyPair::generate().unwrap().serialize_pem(), 0o600);
    assert!(disk.mistake().contains("is not the key of the first certificate in"));
}

#[test]
fn a_key_that_everybody_may_read_is_a_mistake_with_the_remedy() {
    let disk = Disk::with_certificate("example.org");
    disk.write("key.pem", &disk.read("key.pem"), 0o644);
    assert!(disk.mistake().contains("host.key_file: /"), "{}", disk.mistake());
    assert!(disk.mistake().contains("run: chmod o-r '/"), "{}", disk.mistake());
}

#[test]
fn files_that_were_exchanged_or_hold_nothing_are_mistakes() {
    let disk = Disk::with_certificate("example.org");
    let (chain, key) = (disk.read("cert.pem"), disk.read("key.pem"));
    for (name, content, said) in [
        ("cert.pem", "nothing", "holds no certificate"),
        ("cert.pem", "", "is empty"),
        ("cert.pem", &key, "holds no certificate"),
        (
            "cert.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "first certificate cannot be read",
        ),
        (
            "cert.pem",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
            "is not valid PEM",
        ),
        ("cert.pem", &chain.repeat(17), "more than 16 certificates"),
        ("key.pem", &chain, "holds no private key"),
        (
            "key.pem",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "encrypted with a passphrase",
        ),
        (
            "key.pem",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "cannot be used",
        ),
    ] {
        let kept = disk.read(name);
        disk.write(name, content, 0o600);
        assert!(disk.mistake().contains(said), "{said}: {}", disk.mistake());
        disk.write(name, &kept, 0o600);
    }
}

#[test]
fn a_chain_with_its_key_is_as_secret_as_the_key() {
    let disk = Disk::with_certificate("example.org");
    let both = disk.read("cert.pem") + &disk.read("key.pem");
    disk.write("cert.pem", &both, 0o600);
    disk.load().unwrap();
    disk.write("cert.pem", &both, 0o644);
    assert!(disk.mistake().contains("holds a private key too, and"), "{}", disk.mistake());
}

#[test]
fn a_short_pepper_is_refused() {
    let disk = Disk::with_certificate("example.org");
    let text = format!("pepper_file = '{}'\n{}", disk.path("pepper").display(), disk.config());
    disk.write("pepper", &"x".repeat(31), 0o600);
    let errors = Config::parse(&text, "c.toml", Check::Full).unwrap_err().to_string();
    assert!(errors.contains("has fewer than 32 bytes; make one with"), "{errors}");
    disk.write("pepper", &"x".repeat(32), 0o600);
    Config::parse(&text, "c.toml", Check::Full).unwrap();
}

#[test]
fn a_file_that_is_missing_or_no_text_is_one_line() {
    let disk = Disk::with_certificate("example.org");
    let missing = Config::load(&disk.path("none.toml"), Check::Full).unwrap_err().to_string();
    assert!(missing.contains("none.toml: cannot be read: "), "{missing}");
    fs::write(disk.path("bad.toml"), b"a = 1\nb = '\xff'\n").unwrap();
    let bad = Config::load(&disk.path("bad.toml"), Check::Full).unwrap_err().to_string();
    assert!(bad.contains("bad.toml: is not UTF-8 text in line 2"), "{bad}");
}

#[test]
fn what_systemd_passes_is_found_in_the_directory_of_the_credentials() {
    let disk = Disk::with_certificate("example.org");
    disk.write("pepper", &"x".repeat(32), 0o400);
    let credentials = || Credentials::within(disk.path(""));
    let (config, warnings) =
        Config::parse_with(CREDENTIALS, "c.toml", Check::Full, credentials()).unwrap();
    assert_eq!(warnings, []);
    let host = &config.hosts[0];
    assert_eq!(
        (&host.certificate, &host.key_file),
        (&disk.path("cert.pem"), &disk.path("key.pem"))
    );
    assert_eq!(config.pepper_file, Some(disk.path("pepper")));
    disk.write("key.pem", &disk.read("key.pem"), 0o644);
    let exposed = Config::parse_with(CREDENTIALS, "c.toml", Check::Full, credentials());
    assert!(exposed.unwrap_err().to_string().contains("run: chmod o-r '/"), "it is judged");
}

#[test]
fn without_credentials_their_paths_are_taken_as_syntax_alone() {
    let (config, _) = parse(CREDENTIALS).unwrap();
    assert_eq!(config.hosts[0].key_file, Path::new("$CREDENTIALS_DIRECTORY/key.pem"));
    let errors = Config::parse(CREDENTIALS, "c.toml", Check::Full).unwrap_err();
    let errors: Vec<_> = errors.mistakes().iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    for error in errors {
        assert!(error.contains("let the unit have LoadCredential="), "{error}");
    }
}

/// A configuration whose files systemd passes.
const CREDENTIALS: &str = "pepper_file = '$CREDENTIALS_DIRECTORY/pepper'
[[host]]
domain = 'example.org'
certificate = '$CREDENTIALS_DIRECTORY/cert.pem'
key_file = '$CREDENTIALS_DIRECTORY/key.pem'
";

/// A folder with `cert.pem`, `key.pem` and `c.toml`.
struct Disk(tempfile::TempDir);

impl Disk {
    fn with_certificate(name: &str) -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        disk.write("cert.pem", &params.self_signed(&key).unwrap().pem(), 0o644);
        disk.write("key.pem", &key.serialize_pem(), 0o600);
        disk.write("c.toml", &disk.config(), 0o644);
        disk
    }

    fn config(&self) -> String {
        HOST.replace("/c/fullchain.pem", self.path("cert.pem").to_str().unwrap())
            .replace("/c/key.pem", self.path("key.pem").to_str().unwrap())
    }

    fn load(&self) -> Result<(Config, Vec<Warning>), ConfigErrors> {
        Config::load(&self.path("c.toml"), Check::Full)
    }

    fn mistake(&self) -> String {
        let errors = self.load().unwrap_err();
        assert_eq!(errors.mistakes().len(), 1, "{errors}");
        errors.to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, content: &str, mode: u32) {
        fs::write(self.path(name), content).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
}
