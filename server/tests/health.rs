//! `/health`: whether the server can do what it is for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cloister::store::Disk;
use serde_json::Value;

use crate::kit::Cloister;
use crate::kit::http::Http;

/// Status and answer.
async fn ask(cloister: &Cloister, path: &str) -> (u16, Value) {
    let answer = Http::clear(cloister.local(), "127.0.0.1:5280").await.get(path).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

/// The server is not ready, for this reason alone.
async fn is_not_ready(cloister: &Cloister, name: &str, reason: &str) {
    for path in ["/health/ready", "/health"] {
        let (status, health) = ask(cloister, path).await;
        assert_eq!((status, &health["ready"]), (503, &Value::Bool(false)), "{health}");
        for check in health["checks"].as_array().unwrap() {
            assert_eq!(check["ok"], check["name"] != name, "{health}");
            if check["name"] == name {
                assert!(check["reason"].as_str().unwrap().contains(reason), "{health}");
            }
        }
    }
    // It would not become ready by being started again.
    assert_eq!(ask(cloister, "/health/live").await.0, 200);
    assert_eq!(cloister.metrics().await.number("cloister_ready"), 0.0);
}

async fn is_ready(cloister: &Cloister) {
    let (status, health) = ask(cloister, "/health/ready").await;
    assert_eq!((status, &health["ready"]), (200, &Value::Bool(true)), "{health}");
    assert_eq!(cloister.metrics().await.number("cloister_ready"), 1.0);
}

#[tokio::test]
async fn a_server_that_serves_is_ready_and_lives() {
    let cloister = Cloister::start().await;
    is_ready(&cloister).await;
    assert_eq!(ask(&cloister, "/health/live").await, (200, serde_json::json!({ "live": true })));
}

#[tokio::test]
async fn a_disk_below_the_reserve_is_a_reason_until_there_is_room() {
    let is_full = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&is_full);
    let free = move |_: &_| Ok(if asked.load(Ordering::SeqCst) { 4096 } else { u64::MAX });
    let cloister = Cloister::on(Disk { free_space: Arc::new(free), ..Disk::default() }).await;
    is_ready(&cloister).await;
    is_full.store(true, Ordering::SeqCst);
    is_not_ready(&cloister, "disk", "make room").await;
    assert_eq!(cloister.metrics().await.number("cloister_disk_free_bytes"), 4096.0);
    is_full.store(false, Ordering::SeqCst);
    is_ready(&cloister).await;
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_a_reason() {
    let cloister = Cloister::start().await;
    // The throw-away authority gives its certificates until the year 4096.
    cloister.advance(Duration::from_secs(2100 * 366 * 86_400));
    is_not_ready(&cloister, "certificates", "the certificate of localhost has expired").await;
}

#[tokio::test]
async fn a_store_that_is_closed_is_a_reason() {
    let cloister = Cloister::start().await;
    cloister.server().store.clone().close().await;
    is_not_ready(&cloister, "store", "").await;
}

#[tokio::test]
async fn a_server_that_stops_is_not_ready() {
    let cloister = Cloister::start().await;
    cloister.server().set_serving(false);
    is_not_ready(&cloister, "listening", "starts or stops").await;
}
