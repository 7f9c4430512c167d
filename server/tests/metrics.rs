//! `/metrics`: what is counted, and that nothing in it tells who.

use std::time::Duration;

use crate::kit::http::Http;
use crate::kit::rooms::{ROOM, coven, enter, heard, message, open, wicca};
use crate::kit::{Cloister, Hash, Resumption, Scram, elapse, within};

/// A word that is nowhere else.
const SECRET: &str = "wherefore-art-thou";

fn chat(to: &str, text: &str) -> String {
    format!("<message to='{to}' type='chat'><body>{text}</body></message>")
}

#[tokio::test]
async fn what_monitoring_is_told_is_openmetrics() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    juliet.fence().await;
    // The reader of the kit judges.
    let told = cloister.metrics().await;
    assert!(told.families.len() > 40, "{}", told.text);
    assert_eq!(told.number("cloister_ready"), 1.0);
    let version = format!("cloister_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(told.number(&version), 1.0);
    assert!(told.number("process_resident_memory_bytes") > 1e6);
    assert_eq!(told.families["process_cpu_seconds"].0, "counter");
}

#[tokio::test]
async fn every_message_is_counted_once_in_once_out_and_once_kept() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    juliet.fence().await;
    let before = cloister.metrics().await;
    for number in 0..7 {
        juliet.send(chat("romeo@localhost", &number.to_string())).await;
    }
    for _ in 0..7 {
        romeo.receive().await;
    }
    let after = cloister.metrics().await;
    for name in [
        "cloister_stanzas_received_total{kind=\"message\"}",
        "cloister_stanzas_sent_total{kind=\"message\"}",
        "cloister_messages_archived_total",
    ] {
        assert_eq!(after.since(&before, name), 7.0, "{name}");
    }
    assert_eq!(after.since(&before, "cloister_messages_queued_total"), 0.0);
    assert!(after.since(&before, "cloister_store_commits_total{store=\"archive\"}") >= 7.0);
    assert!(after.since(&before, "cloister_stream_received_bytes_total{carrier=\"tcp\"}") > 400.0);
}

#[tokio::test]
async fn a_message_for_somebody_who_is_away_is_queued() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    cloister.account("romeo", "orchard").await;
    let before = cloister.metrics().await;
    juliet.send(chat("romeo@localhost", "come")).await;
    juliet.fence().await;
    let after = cloister.metrics().await;
    assert_eq!(after.since(&before, "cloister_messages_queued_total"), 1.0);
    assert_eq!(after.since(&before, "cloister_stanzas_sent_total{kind=\"message\"}"), 0.0);
}

#[tokio::test]
async fn a_rooms_message_is_one_and_is_delivered_to_each() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    enter(&wicca, ROOM, "thirdwitch").await;
    let before = cloister.metrics().await;
    for number in 0..4 {
        let body = format!("<body>{number}</body>");
        crone.send(message(ROOM, &number.to_string(), &body)).await;
    }
    for client in [&hag, &crone, &wicca] {
        for _ in 0..4 {
            heard(client).await;
        }
    }
    // They were counted when all of them had been handed over, which is a moment later.
    let rooms = &cloister.server().metrics;
    within("counting", async {
        while rooms.room_deliveries.value()
            < before.number("cloister_room_deliveries_total") as u64 + 12
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let after = cloister.metrics().await;
    assert_eq!(after.since(&before, "cloister_room_messages_total"), 4.0);
    assert_eq!(after.since(&before, "cloister_room_deliveries_total"), 12.0);
    assert_eq!(after.since(&before, "cloister_messages_archived_total"), 4.0);
}

#[tokio::test]
async fn logins_are_counted_and_those_that_fail_by_their_condition() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let before = cloister.metrics().await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let exporter = raw.exporter();
    let wrong = Scram::bound(Hash::Sha256, "juliet", SECRET, "tls-exporter", exporter);
    assert_eq!(raw.scram(&wrong).await.unwrap_err(), "not-authorized");
    cloister.login("juliet", "balcony").await;
    let after = cloister.metrics().await;
    assert_eq!(after.since(&before, "cloister_logins_total"), 1.0);
    let failed = "cloister_login_failures_total{condition=\"not-authorized\"}";
    assert_eq!(after.since(&before, failed), 1.0);
    assert_eq!(after.since(&before, "cloister_failures_total{kind=\"login\"}"), 1.0);
    let latest = cloister.server().metrics.failures.latest();
    assert_eq!((latest.len(), latest[0].condition.as_str()), (1, "not-authorized"));
    assert_eq!(latest[0].domain.as_deref(), Some("localhost"));
}

#[tokio::test]
async fn who_is_online_and_who_may_come_back_is_told_apart() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    let told = cloister.metrics().await;
    assert_eq!(told.number("cloister_sessions_online"), 1.0);
    juliet.drop_link();
    cloister.lost(&juliet).await;
    let told = cloister.metrics().await;
    assert_eq!(told.number("cloister_sessions_online"), 0.0);
    assert_eq!(told.number("cloister_sessions_sleeping"), 1.0);
    assert_eq!(juliet.resume().await.unwrap(), Resumption::Resumed);
    let told = cloister.metrics().await;
    assert_eq!(told.number("cloister_stream_resumptions_total{result=\"ok\"}"), 1.0);
    assert_eq!(told.number("cloister_sessions_online"), 1.0);
}

#[tokio::test]
async fn a_request_that_fails_is_counted_by_its_condition() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let before = cloister.metrics().await;
    juliet.iq_error("get", None, "<query xmlns='nobody:knows'/>").await;
    let after = cloister.metrics().await;
    let name = "cloister_iq_errors_total{condition=\"service-unavailable\"}";
    assert_eq!(after.since(&before, name), 1.0);
}

#[tokio::test]
async fn connections_are_counted_by_how_they_came_and_why_they_were_refused() {
    let cloister =
        Cloister::with("limits.connections = 2\nlimits.connections_per_address = 1").await;
    let _one = cloister.clear().await;
    let refused = "cloister_connections_refused_total{reason=\"address\"}";
    let before = cloister.metrics().await;
    Http::clear(cloister.addresses()[0], "localhost").await.closed().await;
    let after = cloister.metrics().await;
    assert_eq!(after.since(&before, refused), 1.0);
    assert_eq!(after.number("cloister_connections_accepted_total{transport=\"starttls\"}"), 1.0);
    // Both times it was asked over one.
    assert_eq!(after.number("cloister_connections_accepted_total{transport=\"local\"}"), 2.0);
}

#[tokio::test]
async fn requests_of_http_are_counted_by_route_and_status() {
    let cloister = Cloister::start().await;
    let mut http = Http::clear(cloister.local(), "localhost").await;
    assert_eq!(http.get("/nothing").await.status, 404);
    http.get("/health/live").await;
    let told = cloister.metrics().await;
    assert_eq!(told.number("cloister_http_requests_total{route=\"other\",status=\"4xx\"}"), 1.0);
    let monitoring = "cloister_http_requests_total{route=\"monitoring\",status=\"2xx\"}";
    assert_eq!(told.number(monitoring), 1.0);
}

#[tokio::test]
async fn files_are_counted_as_they_are_promised_as_they_come_and_as_they_go() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let before = cloister.metrics().await;
    let ask = |size: u64| {
        format!("<request xmlns='urn:xmpp:http:upload:0' filename='a.txt' size='{size}'/>")
    };
    juliet.iq_error("get", Some("upload.localhost"), &ask(1 << 40)).await;
    let answer = juliet.iq_ok("get", Some("upload.localhost"), &ask(5)).await;
    let slot = answer.child("urn:xmpp:http:upload:0", "slot").unwrap();
    let url = slot.child("urn:xmpp:http:upload:0", "put").unwrap().attr("url").unwrap().to_owned();
    let path = &url[url.find("/upload/").unwrap()..];
    let client = cloister.authority().client();
    let mut http = Http::tls(cloister.https(), client, "localhost").await;
    assert_eq!(http.request("PUT", path, &[], b"hello").await.status, 201);
    assert_eq!(http.get(path).await.body, b"hello");
    let after = cloister.metrics().await;
    for (name, more) in [
        ("cloister_upload_slots_total", 1.0),
        ("cloister_upload_slots_refused_total{reason=\"size\"}", 1.0),
        ("cloister_uploads_total", 1.0),
        ("cloister_upload_received_bytes_total", 5.0),
        ("cloister_upload_sent_bytes_total", 5.0),
        ("cloister_http_requests_total{route=\"upload\",status=\"2xx\"}", 2.0),
    ] {
        assert_eq!(after.since(&before, name), more, "{name}");
    }
    let status = cloister::status::status(cloister.server()).await.unwrap();
    assert_eq!((status.upload_files, status.upload_bytes), (1, 5));
}

#[tokio::test]
async fn nothing_tells_who_where_or_what() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet/chamber", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    juliet.send(chat("romeo@localhost", SECRET)).await;
    romeo.receive().await;
    juliet.iq_error("get", Some("romeo@localhost/none"), "<query xmlns='nobody:knows'/>").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let exporter = raw.exporter();
    let wrong = Scram::bound(Hash::Sha256, "tybalt", SECRET, "tls-exporter", exporter);
    raw.scram(&wrong).await.unwrap_err();
    let mut http = Http::clear(cloister.local(), "localhost").await;
    http.get(&format!("/upload/{SECRET}/juliet.jpg")).await;
    let health = http.get("/health").await;
    let failures = format!("{:?}", cloister.server().metrics.failures.latest());
    let told = cloister.metrics().await.text + &String::from_utf8(health.body).unwrap() + &failures;
    for word in ["@", "juliet", "romeo", "tybalt", "chamber", SECRET, "127.0.0.1", "::1", "/upload"]
    {
        assert!(!told.contains(word), "{word} in {told}");
    }
}

#[tokio::test]
async fn strangers_are_told_nothing() {
    let cloister = Cloister::start().await;
    let client = cloister.authority().client();
    let mut http = Http::tls(cloister.https(), client, "localhost").await;
    for path in ["/metrics", "/health", "/health/live", "/health/ready"] {
        assert_eq!(http.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_history_has_a_sample_every_ten_seconds() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let history = &cloister.server().metrics.history;
    // The first is only what the next one is compared with.
    for count in 0..3 {
        cloister.advance(Duration::from_secs(10));
        juliet.send(chat("juliet@localhost", "o me")).await;
        juliet.fence().await;
        elapse(Duration::from_secs(10)).await;
        within("a sample", async {
            while history.samples().fine.len() < count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    let sample = *history.samples().fine.last().unwrap();
    assert_eq!(sample.sessions, 1);
    assert!(sample.messages > 0.0 && sample.memory > 1_000_000, "{sample:?}");
    assert!(history.minute().is_some());
}
