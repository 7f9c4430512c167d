//! RFC 8555 §8.3: the listener that certificate authorities ask in clear, and that leads others to HTTPS.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::cli_process::Site;
use crate::kit::Cloister;
use crate::kit::http::{Http, Response};
use crate::kit::tls::Authority;

const TOKEN: &str = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0";
const AUTHORIZATION: &str =
    "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI";
const CHALLENGES: &str = "/.well-known/acme-challenge";

/// A server and the folder that a client of a certificate authority writes to.
struct Kit {
    server: Cloister,
    webroot: TempDir,
}

impl Kit {
    async fn start() -> Self {
        Kit::with("").await
    }

    /// With a second domain whose pages are elsewhere, and options.
    async fn with(options: &str) -> Self {
        let webroot = tempfile::tempdir().unwrap();
        // A name in a certificate is ASCII.
        let files = Authority::new().issue("buecher.example", webroot.path());
        let options = format!(
            "listen.acme = ['127.0.0.1:0']\nacme.webroot = '{}'\n{options}\n\
             [[host]]\ndomain = 'capulet.example'\nweb = 'https://chat.capulet.example:8443'\n\
             [[host]]\ndomain = 'b\u{FC}cher.example'\nweb = 'https://chat.buecher.example'\n\
             certificate = '{}'\nkey_file = '{}'",
            webroot.path().display(),
            files.certificate.display(),
            files.key.display()
        );
        let kit = Kit { server: Cloister::with(&options).await, webroot };
        fs::create_dir_all(kit.folder()).unwrap();
        fs::write(kit.folder().join(TOKEN), AUTHORIZATION).unwrap();
        kit
    }

    /// Where lego and certbot put challenges.
    fn folder(&self) -> PathBuf {
        self.webroot.path().join(".well-known/acme-challenge")
    }

    async fn connect(&self) -> Http {
        Http::clear(self.server.acme(), "localhost").await
    }

    async fn asks(&self, method: &str, target: &str) -> Response {
        self.connect().await.request(method, target, &[], b"").await
    }

    async fn get(&self, target: &str) -> Response {
        self.asks("GET", target).await
    }

    /// What a challenge of that name is answered with.
    async fn challenge(&self, name: &str) -> Response {
        self.get(&format!("{CHALLENGES}/{name}")).await
    }

    /// Where another host is led to.
    async fn led(&self, host: &str) -> Option<String> {
        let mut http = Http::clear(self.server.acme(), host).await;
        let answer = http.get("/invite/x?y=z").await;
        assert!([308, 404].contains(&answer.status), "{answer:?}");
        answer.header("location").map(str::to_owned)
    }

    /// Sends what is no request that a library would send.
    async fn says(&self, bytes: &str) -> Option<Response> {
        let mut http = self.connect().await;
        http.send(bytes).await;
        http.try_answer(false).await
    }
}

#[tokio::test]
async fn s8_3_a_challenge_is_answered_with_what_its_file_says() {
    let kit = Kit::start().await;
    let answer = kit.challenge(TOKEN).await;
    assert_eq!((answer.status, answer.text()), (200, AUTHORIZATION));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let head = kit.asks("HEAD", &format!("{CHALLENGES}/{TOKEN}")).await;
    assert_eq!((head.status, head.header("content-length")), (200, Some("87")));
}

#[tokio::test]
async fn s8_3_a_challenge_is_answered_for_names_that_are_not_ours() {
    let kit = Kit::start().await;
    let mut http = Http::clear(kit.server.acme(), "mail.example").await;
    assert_eq!(http.get(&format!("{CHALLENGES}/{TOKEN}")).await.text(), AUTHORIZATION);
}

#[tokio::test]
async fn a_challenge_of_the_next_moment_is_found_and_an_old_one_is_not() {
    let kit = Kit::start().await;
    assert_eq!(kit.challenge("another").await.status, 404);
    fs::write(kit.folder().join("another"), "another.one").unwrap();
    assert_eq!(kit.challenge("another").await.text(), "another.one");
    fs::remove_file(kit.folder().join("another")).unwrap();
    assert_eq!(kit.challenge("another").await.status, 404);
    fs::remove_dir_all(kit.webroot.path()).unwrap();
    assert_eq!(kit.challenge(TOKEN).await.status, 404);
}

#[tokio::test]
async fn a_path_that_is_no_token_leads_nowhere() {
    let kit = Kit::start().await;
    fs::write(kit.webroot.path().join("secret"), "secret").unwrap();
    fs::write(kit.folder().join("a.b"), "secret").unwrap();
    fs::create_dir(kit.folder().join("folder")).unwrap();
    fs::write(kit.folder().join("folder/inner"), "secret").unwrap();
    let long = "a".repeat(129);
    for name in [
        "",
        ".",
        "..",
        "../../secret",
        "..%2F..%2Fsecret",
        "%2e%2e/%2e%2e/secret",
        "..%5c..%5csecret",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "a.b",
        "folder",
        "folder/inner",
        "folder%2Finner",
        &format!("{TOKEN}/"),
        &format!("./{TOKEN}"),
        &format!("{TOKEN}%00"),
        &format!("{TOKEN}="),
        &long,
    ] {
        let answer = kit.challenge(name).await;
        assert_eq!(answer.status, 404, "{name}: {answer:?}");
        assert!(!answer.text().contains("secret"), "{name}");
    }
    assert_eq!(kit.challenge(&"a".repeat(8000)).await.status, 404);
    let giant = kit.says(&format!("GET {CHALLENGES}/{} HTTP/1.1\r\n", "a".repeat(30_000))).await;
    assert!(giant.is_none_or(|answer| [414, 431].contains(&answer.status)), "a giant head");
}

#[tokio::test]
async fn no_link_is_followed_out_of_the_folder() {
    let kit = Kit::start().await;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    symlink(outside.path().join("secret"), kit.folder().join("link")).unwrap();
    assert_eq!(kit.challenge("link").await.status, 404);
    fs::remove_dir_all(kit.folder()).unwrap();
    symlink(outside.path(), kit.folder()).unwrap();
    assert_eq!(kit.challenge("secret").await.status, 404);
}

#[tokio::test]
async fn what_is_no_key_authorization_is_not_told() {
    let kit = Kit::start().await;
    let put = |name: &str, length| fs::write(kit.folder().join(name), "x".repeat(length)).unwrap();
    put("large", 1025);
    put("largest", 1024);
    assert_eq!(kit.challenge("large").await.status, 404);
    assert_eq!(kit.challenge("largest").await.body.len(), 1024);
    let fifo = kit.folder().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
    assert_eq!(kit.challenge("fifo").await.status, 404, "and nobody waits for a writer");
}

#[tokio::test]
async fn everything_else_is_led_to_https_at_the_port_where_the_pages_are() {
    let kit = Kit::start().await;
    let port = kit.server.https().port();
    let led = async |host: &str| kit.led(host).await;
    let own = format!("https://localhost:{port}/invite/x?y=z");
    for host in ["localhost", "localhost:80", "LOCALHOST", "localhost."] {
        assert_eq!(led(host).await.as_deref(), Some(own.as_str()), "{host}");
    }
    let web = "https://chat.capulet.example:8443/invite/x?y=z";
    assert_eq!(led("chat.capulet.example").await.as_deref(), Some(web));
    let domain = "https://capulet.example:8443/invite/x?y=z";
    assert_eq!(led("capulet.example").await.as_deref(), Some(domain));
    let unicode = "https://xn--bcher-kva.example/invite/x?y=z";
    assert_eq!(led("xn--bcher-kva.example").await.as_deref(), Some(unicode));
}

#[tokio::test]
async fn a_browser_repeats_a_request_by_https_and_is_told_nothing_to_keep() {
    let kit = Kit::start().await;
    let answer = kit.get("/").await;
    assert_eq!(answer.status, 308);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    // RFC 6797 §7.2: not in clear.
    assert_eq!(answer.header("strict-transport-security"), None);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(kit.asks("HEAD", "/").await.status, 308);
}

#[tokio::test]
async fn nobody_is_led_to_a_host_that_is_not_ours() {
    let kit = Kit::start().await;
    for host in ["evil.example", "rooms.localhost", "127.0.0.1", "[::1]", "localhost@evil.example"]
    {
        assert_eq!(kit.led(host).await, None, "{host}");
    }
    let odd = kit.get("//evil.example/").await;
    let location = odd.header("location").unwrap();
    assert!(location.starts_with("https://localhost:"), "{location}");
    let absolute = "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(kit.says(absolute).await.unwrap().status, 404);
}

#[tokio::test]
async fn rfc_9112_s3_2_a_request_names_one_host() {
    let kit = Kit::start().await;
    for target in ["/", &format!("{CHALLENGES}/{TOKEN}")] {
        for hosts in ["", "Host: localhost\r\nHost: localhost\r\n"] {
            let answer = kit.says(&format!("GET {target} HTTP/1.1\r\n{hosts}\r\n")).await;
            assert_eq!(answer.unwrap().status, 400, "{target} {hosts}");
        }
    }
}

#[tokio::test]
async fn nothing_but_reading_is_answered_and_no_body_is_read() {
    let kit = Kit::start().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
        for target in ["/", &format!("{CHALLENGES}/{TOKEN}")] {
            let answer = kit.asks(method, target).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
        }
    }
    let large = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n";
    assert_eq!(kit.says(large).await.unwrap().status, 405, "it does not wait for the body");
    let chunked = "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(kit.says(chunked).await.unwrap().status, 308);
}

#[tokio::test]
async fn a_connection_is_for_one_request_of_http_1() {
    let kit = Kit::start().await;
    let mut http = kit.connect().await;
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    http.send(format!("{request}{request}")).await;
    assert_eq!(http.answer(false).await.header("connection"), Some("close"));
    assert_eq!(http.try_answer(false).await, None);
    let mut http = kit.connect().await;
    http.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    http.try_answer(false).await;
    http.closed().await;
}

#[tokio::test]
async fn there_is_nothing_else_in_clear() {
    let kit = Kit::start().await;
    let pages =
        ["/console/", "/metrics", "/health", "/upload/x", "/invite/x", "/.well-known/host-meta"];
    for path in pages.into_iter().chain(["/xmpp-websocket", "/http-bind", "/assets/style.css"]) {
        assert_eq!(kit.get(path).await.status, 308, "{path}");
    }
    let mut public =
        Http::tls(kit.server.https(), kit.server.authority().client(), "localhost").await;
    assert_eq!(public.get(&format!("{CHALLENGES}/{TOKEN}")).await.status, 404);
}

#[tokio::test]
async fn its_connections_count_as_all_others_do() {
    let kit = Kit::with("limits.connections_per_address = 1").await;
    let (stream, _) = kit.server.opened("localhost").await;
    let mut http = kit.connect().await;
    http.try_send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap_or_default();
    assert_eq!(http.try_answer(false).await, None);
    drop(stream);
    let mut metrics = Http::clear(kit.server.local(), "localhost").await;
    let metrics = metrics.get("/metrics").await;
    assert!(metrics.text().contains("cloister_connections_refused_total{reason=\"address\"} 1"));
    assert!(metrics.text().contains("cloister_connections_accepted_total{transport=\"acme\"} 0"));
}

#[tokio::test]
async fn a_proxy_says_whom_it_speaks_for_here_as_well() {
    let kit = Kit::with("listen.proxies = ['127.0.0.1']").await;
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let header = "PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n";
    assert_eq!(kit.says(&format!("{header}{request}")).await.unwrap().status, 308);
    assert_eq!(kit.says(request).await, None);
}

#[tokio::test]
async fn monitoring_sees_who_asks_for_challenges() {
    let kit = Kit::start().await;
    kit.challenge(TOKEN).await;
    let mut metrics = Http::clear(kit.server.local(), "localhost").await;
    let metrics = metrics.get("/metrics").await;
    assert!(metrics.text().contains("cloister_connections_accepted_total{transport=\"acme\"} 1"));
    assert!(
        metrics.text().contains("cloister_http_requests_total{route=\"acme\",status=\"2xx\"} 1")
    );
}

#[tokio::test]
async fn the_line_of_a_server_that_is_ready_names_it_and_a_missing_webroot_is_a_warning() {
    let site = Site::with("acme = [\"127.0.0.1:0\"]\n[acme]\nwebroot = \"/nowhere/at/all\"");
    let checked = site.run(&["check-config"]).await;
    assert!(checked.stderr.contains("acme.webroot: /nowhere/at/all is no folder"), "{checked:?}");
    checked.ok();
    let server = site.serve().await;
    assert!(server.printed().contains(", ACME on 127.0.0.1:"), "{}", server.printed());
}
