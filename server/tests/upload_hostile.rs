//! What strangers and bad clients try with files, each with its answer.

use std::time::Duration;

use cloister::admin::{Answer, Request, execute};
use cloister::jid::BareJid;

use crate::kit::http::{Http, target};
use crate::kit::uploads::{Slot, files, get, http, on_disk, put, refused, request, slot, uploaded};
use crate::kit::{Client, Cloister, elapse, within};

const JPEG: Option<&str> = Some("image/jpeg");

async fn site() -> (Cloister, Client) {
    let server = Cloister::start().await;
    let juliet = server.login("juliet", "balcony").await;
    (server, juliet)
}

async fn taken(server: &Cloister) -> u64 {
    match execute(server.server(), Request::UploadList { of: None }, |_| ()).await.unwrap() {
        Answer::Uploads(list) => list.taken,
        other => panic!("{other:?}"),
    }
}

/// Waits until nothing is left of an upload.
async fn nothing_is_left(server: &Cloister) {
    files(server, 0).await;
    within("the room to be given back", async {
        while taken(server).await != 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Begins a PUT and sends a part of its body, which the server has begun to write.
async fn begun(server: &Cloister, slot: &Slot, size: usize, sent: usize) -> Http {
    let mut client = http(server).await;
    let length = size.to_string();
    client.send(client.head("PUT", target(&slot.put), &[("Content-Length", &length)])).await;
    client.send(vec![7; sent]).await;
    files(server, 1).await;
    client
}

#[tokio::test]
async fn no_path_leaves_the_files() {
    let (server, juliet) = site().await;
    let slot = uploaded(&server, &juliet, "a.jpg", JPEG, b"x").await;
    let path = target(&slot.get);
    let (dir, _) = path.rsplit_once('/').unwrap();
    for wrong in [
        format!("{dir}/../../../etc/passwd"),
        format!("{dir}/..%2f..%2fetc%2fpasswd"),
        format!("{dir}/%2e%2e/a.jpg"),
        format!("{dir}/..%5ca.jpg"),
        format!("{dir}/a.jpg%00"),
        format!("{dir}/a.jpg%00.html"),
        format!("{dir}/a.jpg%0d%0aX-Evil:%20yes"),
        format!("{dir}/a.jpg/"),
        format!("{dir}/a.jp"),
        format!("{dir}/A.jpg"),
        format!("{dir}/a%ff.jpg"),
        format!("{dir}/%"),
        format!("{dir}/"),
        dir.to_owned(),
        format!("{dir}//a.jpg"),
        format!("/upload/../upload{}", &path["/upload".len()..]),
        format!("/upload/%2e%2e/{}", "a".repeat(32)),
        "/upload/".to_owned(),
        "/upload//".to_owned(),
        format!("/upload/{}/a.jpg", "A".repeat(32)),
        format!("{dir}/{}", "x".repeat(4096)),
    ] {
        let answer = http(&server).await.get(&wrong).await;
        assert_eq!(answer.status, 404, "{wrong}");
        assert!(!answer.headers.iter().any(|(name, _)| name == "x-evil"), "{wrong}");
    }
    assert_eq!(http(&server).await.get(path).await.status, 200);
}

#[tokio::test]
async fn bytes_that_no_url_has_end_the_connection_and_nothing_else() {
    let (server, juliet) = site().await;
    let slot = uploaded(&server, &juliet, "a.jpg", JPEG, b"x").await;
    for wrong in ["/upload/\0/a.jpg", "/upload/a\rb/a.jpg"] {
        let mut client = http(&server).await;
        client.send(format!("GET {wrong} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        assert_eq!(client.response().await.status, 400, "{wrong:?}");
    }
    assert_eq!(get(&server, &slot, &[]).await.status, 200);
}

#[tokio::test]
async fn a_name_of_any_kind_becomes_one_that_is_safe() {
    let (server, juliet) = site().await;
    let long = format!("{}.jpeg", "x".repeat(4096));
    for (name, end) in [
        ("../../etc/passwd", "/_.._etc_passwd"),
        ("a\u{202E}gpj.exe", "/a_gpj.exe"),
        ("a&#13;&#10;b.jpg", "/a__b.jpg"),
        ("a&#x7F;\"b", "/a__b"),
        ("", "/file"),
        (&long, "xx.jpeg"),
    ] {
        let request =
            format!("<request xmlns='urn:xmpp:http:upload:0' filename='{name}' size='1'/>");
        let slot = crate::kit::uploads::granted(&juliet, &request).await;
        assert!(slot.get.ends_with(end), "{name}: {}", slot.get);
        assert!(slot.get.len() < 700, "{}", slot.get.len());
        assert_eq!(put(&server, &slot, b"x").await.status, 201, "{name}");
        assert_eq!(get(&server, &slot, &[]).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn a_body_without_a_length_is_refused_and_the_slot_stays() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 5, None).await;
    let mut client = http(&server).await;
    let chunked = [("Transfer-Encoding", "chunked")];
    let answer =
        client.request("PUT", target(&slot.put), &chunked, b"5\r\n12345\r\n0\r\n\r\n").await;
    assert_eq!(answer.status, 411);
    assert_eq!(put(&server, &slot, b"12345").await.status, 201);
}

#[tokio::test]
async fn a_part_of_a_file_and_a_compressed_one_are_refused() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 5, None).await;
    for (header, status) in
        [(("Content-Range", "bytes 0-4/10"), 400), (("Content-Encoding", "gzip"), 415)]
    {
        let answer =
            http(&server).await.request("PUT", target(&slot.put), &[header], b"12345").await;
        assert_eq!(answer.status, status, "{header:?}");
    }
}

#[tokio::test]
async fn other_methods_are_refused_and_told_which_there_are() {
    let (server, juliet) = site().await;
    let slot = uploaded(&server, &juliet, "a.jpg", JPEG, b"x").await;
    for method in ["POST", "DELETE", "PATCH", "PROPFIND"] {
        let answer = http(&server).await.request(method, target(&slot.put), &[], b"").await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("OPTIONS, HEAD, GET, PUT"));
    }
    assert_eq!(get(&server, &slot, &[]).await.status, 200);
}

#[tokio::test]
async fn of_many_that_fill_one_slot_at_once_one_wins() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 300_000, None).await;
    let attempts = (0..8_u8).map(|number| {
        let (slot, server) = (&slot, &server);
        async move { (number, put(server, slot, &vec![number; 300_000]).await.status) }
    });
    let done = futures::future::join_all(attempts).await;
    let winners: Vec<_> = done.iter().filter(|(_, status)| *status == 201).collect();
    assert_eq!(winners.len(), 1, "{done:?}");
    assert!(done.iter().all(|(_, status)| [201, 409].contains(status)), "{done:?}");
    assert_eq!(get(&server, &slot, &[]).await.body, vec![winners[0].0; 300_000]);
    assert_eq!(on_disk(&server).len(), 1);
}

#[tokio::test]
async fn a_slot_that_is_being_filled_is_nobody_elses() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 10, None).await;
    let mut first = begun(&server, &slot, 10, 4).await;
    assert_eq!(put(&server, &slot, &[8; 10]).await.status, 409);
    assert_eq!(get(&server, &slot, &[]).await.status, 404);
    first.send([7; 6]).await;
    assert_eq!(first.response().await.status, 201);
    assert_eq!(get(&server, &slot, &[]).await.body, [7; 10]);
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_nothing_behind() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 1_000_000, None).await;
    let client = begun(&server, &slot, 1_000_000, 600_000).await;
    client.reset();
    nothing_is_left(&server).await;
    assert_eq!(put(&server, &slot, &[7; 1_000_000]).await.status, 404);
}

#[tokio::test]
async fn a_client_that_hangs_up_early_leaves_nothing_behind() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 1_000_000, None).await;
    drop(begun(&server, &slot, 1_000_000, 10).await);
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_body_that_stops_coming_ends_after_half_a_minute() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 1000, None).await;
    let mut client = begun(&server, &slot, 1000, 10).await;
    elapse(Duration::from_secs(31)).await;
    assert_eq!(client.response().await.status, 408);
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_thousand_slots_promise_no_more_than_there_is() {
    let options = "[upload]\nslots_per_hour = 2000\n\
                   [[host]]\ndomain = 'localhost'\nupload.account_bytes = '1 MiB'";
    let server = Cloister::with(options).await;
    let juliet = server.login("juliet", "balcony").await;
    let (mut granted, mut full) = (0, 0);
    for _ in 0..1000 {
        let wanted = request("a.jpg", 10_000, None, "");
        let answer = juliet.iq("get", Some("upload.localhost"), &wanted).await;
        match answer.attr("type") {
            Some("result") => granted += 1,
            _ => full += 1,
        }
    }
    // Each counts as three blocks of 4 KiB.
    assert_eq!((granted, full), (85, 915));
    assert_eq!(taken(&server).await, 85 * 12_288);
    assert!(on_disk(&server).is_empty());
}

#[tokio::test]
async fn the_smallest_files_count_as_blocks() {
    let options = "[[host]]\ndomain = 'localhost'\nupload.account_bytes = '64 KiB'";
    let server = Cloister::with(options).await;
    let juliet = server.login("juliet", "balcony").await;
    for _ in 0..16 {
        slot(&juliet, "a", 1, None).await;
    }
    assert_eq!(refused(&juliet, &request("a", 1, None, "")).await, "resource-constraint");
}

#[tokio::test]
async fn an_account_that_is_removed_while_it_uploads_leaves_nothing_behind() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 1_000_000, None).await;
    let mut client = begun(&server, &slot, 1_000_000, 600_000).await;
    let account = BareJid::parse("juliet@localhost").unwrap();
    execute(server.server(), Request::UserRemove { account }, |_| ()).await.unwrap();
    assert_eq!(client.response().await.status, 410);
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn an_account_that_is_disabled_while_it_uploads_keeps_no_file() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 10, None).await;
    let mut client = begun(&server, &slot, 10, 4).await;
    let account = BareJid::parse("juliet@localhost").unwrap();
    execute(server.server(), Request::UserDisable { account }, |_| ()).await.unwrap();
    client.send([7; 6]).await;
    assert_eq!(client.response().await.status, 403);
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn what_others_say_of_the_length_is_not_believed() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 5, None).await;
    for (headers, status) in [
        ([("Content-Length", "5"), ("Content-Length", "6")], 400),
        // RFC 9112 §6.3: the length does not count beside chunks.
        ([("Content-Length", "5"), ("Transfer-Encoding", "chunked")], 411),
        ([("Content-Length", "+5"), ("X-Y", "z")], 400),
        ([("Content-Length", "99999999999999999999"), ("X-Y", "z")], 400),
    ] {
        let mut client = http(&server).await;
        let answer = client.request("PUT", target(&slot.put), &headers, b"12345").await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    assert_eq!(put(&server, &slot, b"12345").await.status, 201);
}
