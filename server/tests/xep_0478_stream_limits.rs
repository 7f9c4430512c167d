//! XEP-0478: Stream Limits Advertisement.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::Cloister;

const OPTIONS: &str = "[limits]\nlogin_bytes = '6 KiB'\nstanza_bytes = '20 KiB'\n\
    [timeouts]\nlogin = '25s'\nidle = '7m'\n";

#[tokio::test]
async fn before_the_login_the_limits_are_those_of_the_login() {
    let cloister = Cloister::with(OPTIONS).await;
    let (_, features) = cloister.opened("localhost").await;
    assert_eq!(limits(&features), (6 * 1024, 25));
}

#[tokio::test]
async fn after_the_login_the_limits_are_those_of_the_session() {
    let cloister = Cloister::with(OPTIONS).await;
    let (_, features) = cloister.authenticated("juliet", "balcony").await;
    assert_eq!(limits(&features), (20 * 1024, 420));
}

#[tokio::test]
async fn a_stanza_of_the_advertised_size_is_taken_and_one_byte_more_is_not() {
    let cloister = Cloister::with(OPTIONS).await;
    let juliet = cloister.online("juliet", "balcony").await;
    juliet.send(message(juliet.jid(), 20 * 1024)).await;
    assert!(juliet.receive().await.has_child(ns::CLIENT, "body"));
    juliet.send(message(juliet.jid(), 20 * 1024 + 1)).await;
    assert_eq!(juliet.stream_error().await, "policy-violation");
}

/// A message of exactly that many bytes.
fn message(to: &str, bytes: usize) -> String {
    let (open, close) = (format!("<message to='{to}'><body>"), "</body></message>");
    let body = "x".repeat(bytes - open.len() - close.len());
    format!("{open}{body}{close}")
}

fn limits(features: &Element) -> (u64, u64) {
    let limits = features.child(ns::STREAM_LIMITS, "limits").expect("limits are advertised");
    let number = |name| limits.child(ns::STREAM_LIMITS, name).unwrap().text().parse().unwrap();
    (number("max-bytes"), number("idle-seconds"))
}
