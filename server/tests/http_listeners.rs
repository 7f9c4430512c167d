//! The listeners of HTTP: what is spoken on which, and requests that are none.

use cloister::ns;

use crate::kit::http::{Http, Response};
use crate::kit::{Cloister, RawClient};

const TAKEN_FOR: [(&str, &str); 2] =
    [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "192.0.2.7")];

async fn https(server: &Cloister) -> Http {
    Http::tls(server.https(), server.authority().client(), "localhost").await
}

async fn says(server: &Cloister, request: &str) -> Response {
    let mut http = https(server).await;
    http.send(request).await;
    http.response().await
}

#[tokio::test]
async fn one_port_speaks_http_and_where_the_handshake_asks_for_it_xmpp() {
    let server = Cloister::start().await;
    let offering = |names: &'static [&'static str]| {
        Http::offering(server.https(), server.authority().client(), "localhost", names)
    };
    assert_eq!(offering(&["http/1.1"]).await.chosen().as_deref(), Some("http/1.1"));
    assert_eq!(offering(&["h2", "http/1.1"]).await.chosen().as_deref(), Some("h2"));
    assert_eq!(offering(&["xmpp-client"]).await.chosen().as_deref(), Some("xmpp-client"));
    let mut without = offering(&[]).await;
    assert_eq!(without.get("/nothing").await.status, 404);
}

#[tokio::test]
async fn a_client_logs_in_on_the_port_of_https() {
    let server = Cloister::start().await;
    let mut config = server.authority().client();
    config.alpn_protocols = vec![b"xmpp-client".to_vec()];
    let client = RawClient::connect(server.https()).await;
    let mut client = client.handshake(config, "localhost").await.unwrap();
    let features = client.open("localhost").await;
    assert!(features.has_child(ns::SASL, "mechanisms"), "{features:?}");
}

#[tokio::test]
async fn every_answer_keeps_a_browser_from_guessing_and_telling() {
    let server = Cloister::start().await;
    let answer = https(&server).await.get("/nothing").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=63072000"));
    let policy = answer.header("content-security-policy");
    assert_eq!(policy, Some("default-src 'none'; frame-ancestors 'none'"));
}

#[tokio::test]
async fn rfc_9112_s3_2_a_request_names_one_host() {
    let server = Cloister::start().await;
    assert_eq!(says(&server, "GET / HTTP/1.1\r\n\r\n").await.status, 400);
    let two = "GET / HTTP/1.1\r\nHost: localhost\r\nHost: example.org\r\n\r\n";
    assert_eq!(says(&server, two).await.status, 400);
}

#[tokio::test]
async fn rfc_9112_s6_3_a_request_has_one_length() {
    let server = Cloister::start().await;
    for both in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
    ] {
        let mut http = https(&server).await;
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let request = format!(
            "POST /nothing HTTP/1.1\r\nHost: localhost\r\n{both}\r\n\r\n0\r\n\r\n{smuggled}"
        );
        http.send(request).await;
        let answer = http.response().await;
        assert_eq!((answer.status, answer.header("connection")), (404, Some("close")));
        assert_eq!(http.try_answer(false).await, None, "what stands behind it is no request");
    }
    let two = "POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\
               Content-Length: 6\r\n\r\nhello!";
    assert_eq!(says(&server, two).await.status, 400);
    let odd = "POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nhello";
    assert_eq!(says(&server, odd).await.status, 400);
}

#[tokio::test]
async fn a_giant_head_is_refused() {
    let server = Cloister::start().await;
    let giant = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(400_000));
    let mut http = https(&server).await;
    // The server may stop reading before all of it is sent.
    http.try_send(giant).await.unwrap_or_default();
    let answer = http.try_answer(false).await;
    assert!(answer.is_none_or(|answer| answer.status == 431));
    let many = "X: y\r\n".repeat(1000);
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n");
    assert_eq!(says(&server, &many).await.status, 431);
}

#[tokio::test]
async fn a_web_server_in_front_says_that_it_was_asked_by_https_and_by_whom() {
    let server = Cloister::start().await;
    let get = async |headers: &[(&str, &str)]| {
        let mut http = Http::clear(server.http(), "localhost").await;
        http.request("GET", "/nothing", headers, b"").await.status
    };
    assert_eq!(get(&[]).await, 403);
    assert_eq!(get(&[("X-Forwarded-Proto", "http"), TAKEN_FOR[1]]).await, 403);
    assert_eq!(get(&[TAKEN_FOR[0]]).await, 400);
    assert_eq!(get(&[TAKEN_FOR[0], ("X-Forwarded-For", "unknown")]).await, 400);
    assert_eq!(get(&TAKEN_FOR).await, 404);
}

#[tokio::test]
async fn what_is_the_operators_is_not_public_and_what_is_public_is_not_there() {
    let server = Cloister::start().await;
    let mut public = https(&server).await;
    for path in ["/metrics", "/health", "/health/ready", "/console", "/console/"] {
        assert_eq!(public.get(path).await.status, 404, "{path}");
    }
    let mut local = Http::clear(server.local(), "localhost").await;
    for path in ["/xmpp-websocket", "/http-bind", "/.well-known/host-meta"] {
        assert_eq!(local.get(path).await.status, 404, "{path}");
    }
}
