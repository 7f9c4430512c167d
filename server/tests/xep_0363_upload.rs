//! XEP-0363: HTTP File Upload.

use std::time::Duration;

use cloister::admin::{Answer, Request, UploadChoice, UploadList, execute};
use cloister::jid::BareJid;
use cloister::ns;
use cloister::xml::Element;

use crate::kit::http::target;
use crate::kit::uploads::{
    SERVICE, files, get, granted, http, on_disk, put, refused, request, slot, uploaded,
};
use crate::kit::{Client, Cloister, condition, elapse};

const DAY: Duration = Duration::from_secs(86_400);
const JPEG: Option<&str> = Some("image/jpeg");

async fn site() -> (Cloister, Client) {
    site_with("").await
}

async fn site_with(options: &str) -> (Cloister, Client) {
    let server = Cloister::with(options).await;
    let juliet = server.login("juliet", "balcony").await;
    (server, juliet)
}

async fn error(client: &Client, request: &str) -> Element {
    let answer = client.iq("get", Some(SERVICE), request).await;
    assert_eq!(answer.attr("type"), Some("error"), "{}", answer.to_xml());
    answer.child(ns::CLIENT, "error").unwrap().clone()
}

async fn listed(server: &Cloister) -> UploadList {
    match execute(server.server(), Request::UploadList { of: None }, |_| ()).await.unwrap() {
        Answer::Uploads(list) => list,
        other => panic!("{other:?}"),
    }
}

/// Lets the server look for what is over.
async fn sweep() {
    elapse(Duration::from_secs(3601)).await;
}

#[tokio::test]
async fn s3_the_host_names_the_service_and_the_service_its_limit() {
    let (_server, juliet) =
        site_with("[[host]]\ndomain = 'localhost'\nupload.file_bytes = '5 MiB'").await;
    let items = juliet
        .iq_ok("get", Some("localhost"), "<query xmlns='http://jabber.org/protocol/disco#items'/>")
        .await;
    assert!(items.to_xml().contains("jid='upload.localhost'"), "{}", items.to_xml());
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let info = juliet.iq_ok("get", Some(SERVICE), info).await;
    let query = info.child(ns::DISCO_INFO, "query").unwrap();
    let identity = query.child(ns::DISCO_INFO, "identity").unwrap();
    assert_eq!((identity.attr("category"), identity.attr("type")), (Some("store"), Some("file")));
    let features: Vec<_> = query
        .children()
        .filter(|child| child.name() == "feature")
        .filter_map(|child| child.attr("var"))
        .collect();
    assert!(features.contains(&ns::HTTP_UPLOAD), "{features:?}");
    for purpose in ["message", "profile", "ephemeral", "permanent"] {
        let feature = format!("{}#{purpose}", ns::HTTP_UPLOAD_PURPOSE);
        assert!(features.contains(&feature.as_str()), "{feature}");
    }
    let form = query.child(ns::DATA_FORMS, "x").unwrap().to_xml();
    assert!(
        form.contains(ns::HTTP_UPLOAD)
            && form.contains("<field var='max-file-size'><value>5242880</value>"),
        "{form}"
    );
}

#[tokio::test]
async fn s4_a_file_comes_back_as_it_was_put() {
    let (server, juliet) = site().await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let slot = uploaded(&server, &juliet, "très cool.jpg", JPEG, &body).await;
    assert!(slot.get.ends_with("/tr%C3%A8s%20cool.jpg"), "{}", slot.get);
    let answer = get(&server, &slot, &[]).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body == body);
    assert_eq!(answer.header("content-type"), JPEG);
    assert_eq!(answer.header("content-length"), Some("3000000"));
}

#[tokio::test]
async fn s4_both_urls_are_https_and_the_secret_in_them_is_long() {
    let (server, juliet) = site().await;
    let first = slot(&juliet, "a.jpg", 1, None).await;
    let begin = format!("https://localhost:{}/upload/", server.https().port());
    assert!(first.put.starts_with(&begin) && first.get.starts_with(&begin), "{first:?}");
    let token = |url: &str| url[begin.len()..].split('/').next().unwrap().to_owned();
    // 6 bits each.
    assert_eq!(token(&first.get).len(), 32);
    assert_ne!(token(&first.get), token(&slot(&juliet, "a.jpg", 1, None).await.get));
}

#[tokio::test]
async fn s4_a_request_needs_a_name_and_a_length() {
    let (_server, juliet) = site().await;
    for wrong in [
        "filename='a'",
        "size='1'",
        "filename='a' size='0'",
        "filename='a' size='-1'",
        "filename='a' size='1e3'",
        "filename='a' size=''",
    ] {
        let request = format!("<request xmlns='urn:xmpp:http:upload:0' {wrong}/>");
        assert_eq!(refused(&juliet, &request).await, "bad-request", "{wrong}");
    }
}

#[tokio::test]
async fn s4_others_than_the_accounts_of_the_domain_get_no_slot() {
    let server = Cloister::with("[[host]]\ndomain = 'capulet.example'").await;
    let tybalt = server.login("tybalt@capulet.example", "sword").await;
    assert_eq!(refused(&tybalt, &request("a.jpg", 1, None, "")).await, "forbidden");
    let own =
        tybalt.iq_ok("get", Some("upload.capulet.example"), &request("a.jpg", 1, None, "")).await;
    assert!(own.to_xml().contains("https://capulet.example:"), "{}", own.to_xml());
}

#[tokio::test]
async fn s5_a_picture_of_a_person_is_kept_and_the_oldest_gives_way() {
    let (server, juliet) = site().await;
    let profile = request("me.jpg", 1, JPEG, "<profile xmlns='urn:xmpp:http:upload:purpose:0'/>");
    let mut slots = Vec::new();
    for _ in 0..21 {
        let slot = granted(&juliet, &profile).await;
        assert_eq!(put(&server, &slot, b"x").await.status, 201);
        server.advance(Duration::from_secs(1));
        slots.push(slot);
    }
    assert_eq!(get(&server, &slots[0], &[]).await.status, 404);
    server.advance(3650 * DAY);
    sweep().await;
    assert_eq!(get(&server, &slots[1], &[]).await.status, 200);
    assert_eq!(on_disk(&server).len(), 20);
}

#[tokio::test]
async fn s5_a_picture_of_a_person_is_small() {
    let (_server, juliet) = site().await;
    let profile =
        request("me.jpg", 9 << 20, JPEG, "<profile xmlns='urn:xmpp:http:upload:purpose:0'/>");
    let error = error(&juliet, &profile).await;
    assert!(error.to_xml().contains("<max-file-size>8388608<"), "{}", error.to_xml());
}

#[tokio::test]
async fn s5_3_an_ephemeral_file_is_gone_at_its_moment() {
    let (server, juliet) = site().await;
    let purpose =
        "<ephemeral xmlns='urn:xmpp:http:upload:purpose:0' expire-before='2026-01-01T01:00:00Z'/>";
    let slot = granted(&juliet, &request("a.jpg", 1, JPEG, purpose)).await;
    assert_eq!(put(&server, &slot, b"x").await.status, 201);
    server.advance(Duration::from_secs(3599));
    let last = get(&server, &slot, &[]).await;
    assert_eq!(
        (last.status, last.header("cache-control")),
        (200, Some("private, max-age=1, immutable"))
    );
    server.advance(Duration::from_secs(1));
    assert_eq!(get(&server, &slot, &[]).await.status, 404);
    sweep().await;
    files(&server, 0).await;
}

#[tokio::test]
async fn s5_3_an_ephemeral_file_has_to_say_when_it_ends() {
    let (_server, juliet) = site().await;
    for (when, condition) in [
        ("", "bad-request"),
        ("expire-before='soon'", "bad-request"),
        ("expire-before='2025-12-31T23:59:59Z'", "not-acceptable"),
    ] {
        let purpose = format!("<ephemeral xmlns='urn:xmpp:http:upload:purpose:0' {when}/>");
        assert_eq!(refused(&juliet, &request("a", 1, None, &purpose)).await, condition, "{when}");
    }
}

#[tokio::test]
async fn s5_4_a_permanent_file_outlasts_messages() {
    let (server, juliet) = site().await;
    let message = uploaded(&server, &juliet, "a.jpg", JPEG, b"x").await;
    let purpose = "<permanent xmlns='urn:xmpp:http:upload:purpose:0'/>";
    let permanent = granted(&juliet, &request("a.jpg", 1, JPEG, purpose)).await;
    assert_eq!(put(&server, &permanent, b"x").await.status, 201);
    server.advance(31 * DAY);
    sweep().await;
    files(&server, 1).await;
    assert_eq!(get(&server, &permanent, &[]).await.status, 200);
    assert_eq!(get(&server, &message, &[]).await.status, 404);
}

#[tokio::test]
async fn s6_a_file_that_is_too_large_is_refused_with_the_limit() {
    let (_server, juliet) = site().await;
    let most = (512 << 20) + 16;
    let error = error(&juliet, &request("a.jpg", most + 1, None, "")).await;
    assert_eq!(
        (condition(&error).as_str(), error.attr("type")),
        ("not-acceptable", Some("modify"))
    );
    let large = error.child(ns::HTTP_UPLOAD, "file-too-large").unwrap();
    let limit = large.child(ns::HTTP_UPLOAD, "max-file-size").unwrap();
    assert_eq!(limit.text(), most.to_string());
    slot(&juliet, "a.jpg", most, None).await;
}

#[tokio::test]
async fn s6_who_has_used_the_quota_is_told_when_there_is_room() {
    let (server, juliet) =
        site_with("[[host]]\ndomain = 'localhost'\nupload.account_bytes = '64 KiB'").await;
    uploaded(&server, &juliet, "a.jpg", JPEG, &[7; 60_000]).await;
    let error = error(&juliet, &request("b.jpg", 60_000, None, "")).await;
    assert_eq!(
        (condition(&error).as_str(), error.attr("type")),
        ("resource-constraint", Some("wait"))
    );
    let retry = error.child(ns::HTTP_UPLOAD, "retry").unwrap();
    assert_eq!(retry.attr("stamp"), Some("2026-01-31T00:00:00.000Z"));
    server.advance(30 * DAY);
    sweep().await;
    files(&server, 0).await;
    slot(&juliet, "b.jpg", 60_000, None).await;
}

#[tokio::test]
async fn s6_who_asks_too_often_is_told_when_to_ask_again() {
    let (server, juliet) = site_with("[upload]\nslots_per_hour = 10").await;
    for _ in 0..10 {
        slot(&juliet, "a.jpg", 1, None).await;
    }
    let error = error(&juliet, &request("a.jpg", 1, None, "")).await;
    assert_eq!(condition(&error), "resource-constraint");
    let retry = error.child(ns::HTTP_UPLOAD, "retry").unwrap();
    assert_eq!(retry.attr("stamp"), Some("2026-01-01T00:06:00.000Z"));
    server.advance(Duration::from_secs(360));
    slot(&juliet, "a.jpg", 1, None).await;
}

#[tokio::test]
async fn s6_all_accounts_share_what_there_is() {
    let (server, juliet) = site_with("[upload]\ntotal_bytes = '1 MiB'").await;
    let romeo = server.login("romeo", "orchard").await;
    slot(&juliet, "a.jpg", 1 << 20, None).await;
    assert_eq!(refused(&romeo, &request("a.jpg", 1, None, "")).await, "resource-constraint");
}

#[tokio::test]
async fn s7_another_length_than_that_of_the_slot_is_refused() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 5, None).await;
    assert_eq!(put(&server, &slot, b"123456").await.status, 413);
    assert_eq!(put(&server, &slot, b"1234").await.status, 400);
    assert_eq!(put(&server, &slot, b"12345").await.status, 201);
}

#[tokio::test]
async fn s7_another_type_than_that_of_the_slot_is_refused() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 1, JPEG).await;
    let mut client = http(&server).await;
    let html =
        client.request("PUT", target(&slot.put), &[("Content-Type", "text/html")], b"x").await;
    assert_eq!(html.status, 415);
    let kind = [("Content-Type", "Image/JPEG; charset=utf-8")];
    let jpeg = http(&server).await.request("PUT", target(&slot.put), &kind, b"x").await;
    assert_eq!(jpeg.status, 201);
}

#[tokio::test]
async fn s7_a_slot_takes_one_file() {
    let (server, juliet) = site().await;
    let slot = uploaded(&server, &juliet, "a.jpg", JPEG, b"first").await;
    assert_eq!(put(&server, &slot, b"other").await.status, 409);
    assert_eq!(get(&server, &slot, &[]).await.body, b"first");
}

#[tokio::test]
async fn s7_what_is_not_there_yet_cannot_be_fetched() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 1, None).await;
    assert_eq!(get(&server, &slot, &[]).await.status, 404);
}

#[tokio::test]
async fn s8_a_slot_ends_after_five_minutes_and_gives_its_room_back() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 5000, None).await;
    assert_eq!(listed(&server).await.taken, 8192);
    server.advance(Duration::from_secs(301));
    assert_eq!(put(&server, &slot, &[7; 5000]).await.status, 404);
    elapse(Duration::from_secs(61)).await;
    crate::kit::within("the end of the slot", async {
        while listed(&server).await.taken != 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(listed(&server).await.uploads.is_empty());
}

#[tokio::test]
async fn s8_pages_of_other_origins_may_put_and_get() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 1, JPEG).await;
    let asked = [
        ("Origin", "https://chat.example"),
        ("Access-Control-Request-Method", "PUT"),
        ("Access-Control-Request-Headers", "content-type"),
    ];
    let preflight = http(&server).await.request("OPTIONS", target(&slot.put), &asked, b"").await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    assert!(preflight.header("access-control-allow-methods").unwrap().contains("PUT"));
    for name in ["Authorization", "Content-Type", "Cookie", "Expires"] {
        assert!(preflight.header("access-control-allow-headers").unwrap().contains(name), "{name}");
    }
    let answer = http(&server).await.request("PUT", target(&slot.put), &asked[..1], b"x").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (201, Some("*")));
    let answer = get(&server, &slot, &asked[..1]).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn s9_1_what_a_browser_could_run_is_saved_and_nothing_may_frame_it() {
    let (server, juliet) = site().await;
    for (name, kind) in [
        ("a.html", "text/html"),
        ("a.svg", "image/svg+xml"),
        ("a.xml", "text/xml"),
        ("a.js", "text/javascript"),
    ] {
        let slot = uploaded(&server, &juliet, name, Some(kind), b"<script>alert(1)</script>").await;
        let answer = get(&server, &slot, &[]).await;
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"), "{kind}");
        assert!(
            answer.header("content-disposition").unwrap().starts_with("attachment; "),
            "{kind}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").unwrap();
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'; sandbox");
    }
}

#[tokio::test]
async fn s9_1_a_picture_is_shown_and_may_load_nothing_else() {
    let (server, juliet) = site().await;
    let slot = uploaded(&server, &juliet, "a.jpg", JPEG, b"x").await;
    let answer = get(&server, &slot, &[]).await;
    let disposition = answer.header("content-disposition");
    assert_eq!(disposition, Some("inline; filename=\"a.jpg\"; filename*=UTF-8''a.jpg"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
}

#[tokio::test]
async fn rfc_9110_14_a_part_is_fetched_and_head_tells_of_the_whole() {
    let (server, juliet) = site().await;
    let slot = uploaded(&server, &juliet, "a.jpg", JPEG, b"0123456789").await;
    let part = get(&server, &slot, &[("Range", "bytes=2-4")]).await;
    assert_eq!((part.status, part.text()), (206, "234"));
    assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    let end = get(&server, &slot, &[("Range", "bytes=-3")]).await;
    assert_eq!((end.status, end.text()), (206, "789"));
    let several = get(&server, &slot, &[("Range", "bytes=0-1,4-5")]).await;
    assert_eq!((several.status, several.text()), (200, "0123456789"));
    let range = [("Range", "bytes=2-4")];
    let head = http(&server).await.request("HEAD", target(&slot.get), &range, b"").await;
    assert_eq!((head.status, head.header("content-length")), (200, Some("10")));
    assert_eq!(head.header("accept-ranges"), Some("bytes"));
}

#[tokio::test]
async fn rfc_9110_14_4_a_range_behind_the_end_is_416_with_the_length() {
    let (server, juliet) = site().await;
    let slot = uploaded(&server, &juliet, "a.jpg", JPEG, b"0123456789").await;
    let answer = get(&server, &slot, &[("Range", "bytes=10-")]).await;
    assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */10")));
}

#[tokio::test]
async fn rfc_9110_13_who_has_the_file_need_not_fetch_it_again() {
    let (server, juliet) = site().await;
    let slot = uploaded(&server, &juliet, "a.jpg", JPEG, b"0123456789").await;
    let first = get(&server, &slot, &[]).await;
    let etag = first.header("etag").unwrap();
    assert!(etag.starts_with('"'), "a strong one: {etag}");
    let again = get(&server, &slot, &[("If-None-Match", etag)]).await;
    assert_eq!((again.status, again.header("etag")), (304, Some(etag)));
    let rest = get(&server, &slot, &[("If-Range", etag), ("Range", "bytes=8-")]).await;
    assert_eq!((rest.status, rest.text()), (206, "89"));
    let other = get(&server, &slot, &[("If-Range", "\"x\""), ("Range", "bytes=8-")]).await;
    assert_eq!((other.status, other.text()), (200, "0123456789"));
    assert_eq!(get(&server, &slot, &[("If-Match", "\"x\"")]).await.status, 412);
}

#[tokio::test]
async fn a_file_goes_with_the_messages_of_its_owner() {
    let (server, juliet) = site_with("[archive]\nretention = '7d'").await;
    let slot = uploaded(&server, &juliet, "a.jpg", JPEG, b"x").await;
    let cached = get(&server, &slot, &[]).await;
    assert_eq!(cached.header("cache-control"), Some("private, max-age=604800, immutable"));
    server.advance(7 * DAY - Duration::from_secs(1));
    sweep().await;
    assert_eq!(get(&server, &slot, &[]).await.status, 200);
    server.advance(Duration::from_secs(1));
    assert_eq!(get(&server, &slot, &[]).await.status, 404);
    sweep().await;
    files(&server, 0).await;
    assert!(listed(&server).await.uploads.is_empty());
}

#[tokio::test]
async fn where_messages_are_kept_for_ever_files_are_too_unless_the_operator_says_otherwise() {
    let (server, juliet) = site_with("[archive]\nretention = 'forever'").await;
    let slot = uploaded(&server, &juliet, "a.jpg", JPEG, b"x").await;
    server.advance(3650 * DAY);
    assert_eq!(get(&server, &slot, &[]).await.status, 200);
    server.reload("[archive]\nretention = 'forever'\n[[host]]\ndomain = 'localhost'\nupload.retention = '90d'");
    assert_eq!(get(&server, &slot, &[]).await.status, 404);
}

#[tokio::test]
async fn an_account_is_removed_with_its_files() {
    let (server, juliet) = site().await;
    let romeo = server.login("romeo", "orchard").await;
    let hers = uploaded(&server, &juliet, "a.jpg", JPEG, b"x").await;
    let open = slot(&juliet, "b.jpg", 1, JPEG).await;
    let his = uploaded(&server, &romeo, "a.jpg", JPEG, b"x").await;
    let account = BareJid::parse("juliet@localhost").unwrap();
    execute(server.server(), Request::UserRemove { account }, |_| ()).await.unwrap();
    assert_eq!(get(&server, &hers, &[]).await.status, 404);
    assert_eq!(put(&server, &open, b"x").await.status, 404);
    assert_eq!(get(&server, &his, &[]).await.status, 200);
    assert_eq!(on_disk(&server).len(), 1);
    let left = listed(&server).await;
    assert_eq!((left.files, left.taken), (1, 4096));
}

#[tokio::test]
async fn who_was_disabled_meanwhile_uploads_nothing() {
    let (server, juliet) = site().await;
    let slot = slot(&juliet, "a.jpg", 1, JPEG).await;
    let account = BareJid::parse("juliet@localhost").unwrap();
    execute(server.server(), Request::UserDisable { account }, |_| ()).await.unwrap();
    assert_eq!(put(&server, &slot, b"x").await.status, 403);
    files(&server, 0).await;
}

#[tokio::test]
async fn files_and_quotas_outlast_a_restart() {
    let options = "[[host]]\ndomain = 'localhost'\nupload.account_bytes = '64 KiB'";
    let (server, juliet) = site_with(options).await;
    let slot = uploaded(&server, &juliet, "a.jpg", JPEG, &[7; 60_000]).await;
    let server = server.restart_with(options).await;
    assert_eq!(get(&server, &slot, &[]).await.body, [7; 60_000]);
    let juliet = server.login("juliet", "balcony").await;
    assert_eq!(refused(&juliet, &request("b.jpg", 60_000, None, "")).await, "resource-constraint");
}

#[tokio::test]
async fn what_a_crash_has_left_is_cleared_away_after_the_start() {
    let (server, juliet) = site().await;
    let slot = uploaded(&server, &juliet, "a.jpg", JPEG, b"x").await;
    let shard = server.directory().join("data/uploads/0a");
    std::fs::create_dir_all(&shard).unwrap();
    let orphan = format!("0a{}", "0".repeat(30));
    for name in [orphan.clone(), format!("{orphan}.part"), "notes.txt".to_owned()] {
        std::fs::write(shard.join(name), "left").unwrap();
    }
    let lost = uploaded(&server, &juliet, "b.jpg", JPEG, b"y").await;
    let server = server.restart().await;
    let path = on_disk(&server).into_iter().find(|path| std::fs::read(path).unwrap() == b"y");
    std::fs::remove_file(path.unwrap()).unwrap();
    assert_eq!(get(&server, &lost, &[]).await.status, 404);
    elapse(Duration::from_secs(31)).await;
    files(&server, 2).await;
    assert_eq!(get(&server, &slot, &[]).await.body, b"x");
    assert!(shard.join("notes.txt").exists());
    crate::kit::within("the lost file to be forgotten", async {
        while listed(&server).await.files != 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn records_stay_where_the_whole_disk_is_missing() {
    let (server, juliet) = site().await;
    uploaded(&server, &juliet, "a.jpg", JPEG, b"x").await;
    std::fs::remove_file(&on_disk(&server)[0]).unwrap();
    let server = server.restart().await;
    // One look that finds nothing, and another one that would have come later.
    elapse(Duration::from_secs(31)).await;
    elapse(Duration::from_secs(12 * 3600)).await;
    server.login("juliet", "balcony").await.fence().await;
    assert_eq!(listed(&server).await.files, 1);
}

#[tokio::test]
async fn nothing_on_the_disk_tells_a_url_or_a_name() {
    let (server, juliet) = site().await;
    let slot = uploaded(&server, &juliet, "love letter.jpg", JPEG, b"x").await;
    let token = slot.get.split('/').nth(4).unwrap();
    for path in on_disk(&server) {
        let path = path.display().to_string();
        assert!(!path.contains(token) && !path.contains("love"), "{path}");
    }
}

#[tokio::test]
async fn the_operator_sees_files_and_removes_them() {
    let (server, juliet) = site().await;
    let one = uploaded(&server, &juliet, "a.jpg", JPEG, b"abc").await;
    let two = uploaded(&server, &juliet, "b.jpg", None, b"defg").await;
    let list = listed(&server).await;
    assert_eq!((list.files, list.bytes, list.taken), (2, 7, 8192));
    let row = list.uploads.iter().find(|row| row.size == 3).unwrap();
    assert_eq!((row.account.as_str(), row.kind.as_deref()), ("juliet@localhost", JPEG));
    assert_eq!(row.expires.as_deref(), Some("2026-01-31T00:00:00.000Z"));
    let remove =
        async |which| execute(server.server(), Request::UploadRemove { which }, |_| ()).await;
    let done = remove(UploadChoice::File(one.get.clone())).await.unwrap();
    assert_eq!(done, Answer::UploadsRemoved { files: 1, bytes: 3 });
    assert_eq!(get(&server, &one, &[]).await.status, 404);
    let id = listed(&server).await.uploads[0].id.clone();
    remove(UploadChoice::File(id.clone())).await.unwrap();
    assert_eq!(get(&server, &two, &[]).await.status, 404);
    assert!(on_disk(&server).is_empty());
    assert!(remove(UploadChoice::File(id)).await.unwrap_err().to_string().contains("no such file"));
    assert!(remove(UploadChoice::File("x".to_owned())).await.is_err());
    let account = BareJid::parse("juliet@localhost").unwrap();
    uploaded(&server, &juliet, "c.jpg", None, b"hi").await;
    let all = remove(UploadChoice::Account(account)).await.unwrap();
    assert_eq!(all, Answer::UploadsRemoved { files: 1, bytes: 2 });
}
