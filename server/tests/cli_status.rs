//! `cloister status` and `cloister cert status`.

use rustix::process::Signal;

use crate::cli_process::Site;

#[tokio::test]
async fn status_tells_how_a_running_server_is() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    site.account("romeo@localhost", "secret password").await;
    let server = site.serve().await;
    let _juliet = site.login(&server, "juliet", "secret password").await;
    let status = site.run(&["status", "--json"]).await.json();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["health"]["ready"], true, "{status}");
    assert_eq!((&status["online"], &status["sleeping"]), (&1.into(), &0.into()));
    let host = serde_json::json!({ "domain": "localhost", "accounts": 2, "online": 1 });
    assert_eq!(status["hosts"], serde_json::json!([host]));
    assert_eq!(status["certificates"][0]["covers_domain"], true);
    assert!(status["memory_bytes"].as_u64().unwrap() > 1_000_000, "{status}");
    assert!(status["store_bytes"].as_u64().unwrap() > 0, "{status}");
    assert!(status["disk_free_bytes"].as_u64().unwrap() > 0, "{status}");
    let text = site.run(&["status"]).await.ok();
    assert!(text.contains("Ready: yes") && text.contains("days left"), "{text}");
}

#[tokio::test]
async fn without_a_server_status_says_so() {
    let complaint = Site::new().run(&["status", "--json"]).await.failed();
    assert!(
        complaint.contains("no server answers") && complaint.contains("start it"),
        "{complaint}"
    );
}

#[tokio::test]
async fn cert_status_needs_no_server() {
    let site = Site::new();
    let done = site.run(&["cert", "status", "--json"]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    let rows = done.json();
    assert_eq!(rows[0]["names"], serde_json::json!(["localhost"]));
    assert_eq!((&rows[0]["covers_domain"], &rows[0]["in_use"]), (&true.into(), &().into()));
    assert!(rows[0]["days_left"].as_i64().unwrap() > 365, "{rows}");
}

#[tokio::test]
async fn a_certificate_for_another_domain_fails_and_names_the_remedy() {
    let site = Site::new();
    let files = site.authority().issued("montague.example", site.path());
    std::fs::copy(files.certificate, site.path().join("localhost.certificate.pem")).unwrap();
    let done = site.run(&["cert", "status"]).await;
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.stdout.contains("have one made for localhost"), "{}", done.stdout);
}

#[tokio::test]
async fn a_renewed_certificate_is_not_in_use_before_the_server_is_reloaded() {
    let site = Site::new();
    let server = site.serve().await;
    site.authority().issue("localhost", site.path());
    let done = site.run(&["cert", "status"]).await;
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.stdout.contains("reload it"), "{}", done.stdout);
    server.signal(Signal::HUP);
    server.logs("the configuration was reloaded").await;
    let done = site.run(&["cert", "status", "--json"]).await;
    assert_eq!((done.code, &done.json()[0]["in_use"]), (Some(0), &true.into()));
}
