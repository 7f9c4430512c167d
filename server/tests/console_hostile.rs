//! The operator's console: who must not see or do anything there.

use cloister::admin::{Request, Secret};

use crate::kit::console::{Browser, FORM, form};
use crate::kit::http::Http;
use crate::kit::{Cloister, element};

/// Everything that is shown.
const PAGES: [&str; 17] = [
    "/console",
    "/console/online",
    "/console/accounts",
    "/console/accounts?q=juliet",
    "/console/account?jid=juliet%40localhost",
    "/console/account/remove?jid=juliet%40localhost",
    "/console/rooms",
    "/console/room?jid=choir%40rooms.localhost",
    "/console/room/destroy?jid=choir%40rooms.localhost",
    "/console/storage",
    "/console/certificates",
    "/console/failures",
    "/console/about",
    "/console/invitations",
    "/console/invitation?id=00000000",
    "/console/uploads",
    "/console/uploads/remove-all?account=juliet%40localhost",
];

/// Everything that can be done.
const ACTIONS: [&str; 20] = [
    "/console/sign-out",
    "/console/online/end",
    "/console/accounts/add",
    "/console/account/disable",
    "/console/account/enable",
    "/console/account/password",
    "/console/account/revoke",
    "/console/account/retention",
    "/console/account/remove",
    "/console/rooms/add",
    "/console/room/configure",
    "/console/room/affiliate",
    "/console/room/destroy",
    "/console/storage/expire",
    "/console/storage/check",
    "/console/uploads/remove",
    "/console/uploads/remove-all",
    "/console/invitations/add",
    "/console/invitations/revoke",
    "/console/account/reset",
];

async fn has_account(browser: &mut Browser, jid: &str) -> bool {
    browser.page("/console/accounts").await.contains(jid)
}

#[tokio::test]
async fn nothing_is_shown_to_who_has_not_signed_in() {
    let server = Cloister::start().await;
    let mut browser = Browser::new(&server);
    for cookie in [None, Some(format!("cloister-console-{}=guessed", server.local().port()))] {
        browser.cookie = cookie;
        for target in PAGES {
            let answer = browser.get(target).await;
            let to = answer.header("location");
            assert_eq!((answer.status, to), (303, Some("/console/sign-in")), "{target}");
        }
    }
}

#[tokio::test]
async fn nothing_is_done_for_who_has_not_signed_in() {
    let server = Cloister::start().await;
    let mut browser = Browser::new(&server);
    let origin = format!("http://{}", browser.host());
    for target in ACTIONS {
        let answer = browser.request("POST", target, &[FORM, ("Origin", &origin)], "").await;
        let to = answer.header("location");
        assert_eq!((answer.status, to), (303, Some("/console/sign-in")), "{target}");
    }
}

#[tokio::test]
async fn nothing_is_done_by_an_address_alone() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    for target in ACTIONS {
        let status = browser.get(target).await.status;
        let asks = ["/remove", "/remove-all", "/destroy"].iter().any(|end| target.ends_with(end));
        let expected: &[u16] = if asks { &[400, 404, 405] } else { &[405] };
        assert!(expected.contains(&status), "{target}: {status}");
    }
}

#[tokio::test]
async fn a_form_without_the_sessions_token_is_refused() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let mut other = Browser::signed_in(&server).await;
    let origin = format!("http://{}", browser.host());
    let foreign = other.token().await;
    let account = [("account", "mallory@localhost"), ("password", "let me in please")];
    for token in [None, Some(""), Some("guessed"), Some(&*foreign)] {
        let mut fields = account.to_vec();
        fields.extend(token.map(|token| ("form_token", token)));
        let headers = [FORM, ("Origin", &*origin)];
        let answer =
            browser.request("POST", "/console/accounts/add", &headers, &form(&fields)).await;
        assert_eq!(answer.status, 403, "{token:?}");
    }
    for target in ACTIONS {
        let headers = [FORM, ("Origin", &*origin)];
        let answer = browser.request("POST", target, &headers, "form_token=guessed").await;
        assert_eq!(answer.status, 403, "{target}");
    }
    assert!(!has_account(&mut browser, "mallory@localhost").await);
}

#[tokio::test]
async fn a_form_from_another_page_is_refused_even_with_the_token() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let token = browser.token().await;
    let body = form(&[
        ("account", "mallory@localhost"),
        ("password", "let me in please"),
        ("form_token", &token),
    ]);
    let own = format!("http://{}", browser.host());
    for headers in [
        &[][..],
        &[("Origin", "http://evil.example")],
        &[("Origin", "http://127.0.0.1:1")],
        &[("Origin", "null")],
        &[("Origin", &*own), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", &*own), ("Sec-Fetch-Site", "same-site")],
        &[("Origin", "http://evil.example"), ("Sec-Fetch-Site", "same-origin")],
    ] {
        let headers = [&[FORM], headers].concat();
        let answer = browser.request("POST", "/console/accounts/add", &headers, &body).await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    assert!(!has_account(&mut browser, "mallory@localhost").await);
    // What Chromium sends from a page that tells nobody where people come from.
    let headers = [FORM, ("Origin", "null"), ("Sec-Fetch-Site", "same-origin")];
    let answer = browser.request("POST", "/console/accounts/add", &headers, &body).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn a_name_that_a_stranger_points_here_is_refused() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let port = server.local().port();
    let link = browser.link().await;
    for host in [
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        "127.0.0.1".to_owned(),
        "127.0.0.1:1".to_owned(),
        format!("192.0.2.1:{port}"),
    ] {
        for target in ["/console", "/console/sign-in", &link] {
            let answer = browser.request("GET", target, &[("Host", &host)], "").await;
            assert_eq!(answer.status, 403, "{target} of {host}");
            assert!(answer.header("set-cookie").is_none());
        }
    }
    let host = format!("localhost:{port}");
    let answer = browser.request("GET", "/console/sign-in", &[("Host", &host)], "").await;
    assert_eq!(answer.status, 200);
    // It was not used up by those who must not follow it.
    assert_eq!(browser.get(&link).await.status, 200);
}

#[tokio::test]
async fn signing_in_from_another_page_is_refused() {
    let server = Cloister::start().await;
    let mut browser = Browser::new(&server);
    let password = Some(Secret("a large key ring".to_owned().into()));
    browser.ask(Request::ConsolePassword { password }).await.unwrap();
    let body = form(&[("password", "a large key ring")]);
    let headers = [FORM, ("Origin", "http://evil.example")];
    let answer = browser.request("POST", "/console/sign-in", &headers, &body).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
}

#[tokio::test]
async fn the_cookie_is_for_this_site_alone_and_for_no_script() {
    let server = Cloister::start().await;
    let mut browser = Browser::new(&server);
    let link = browser.link().await;
    let answer = browser.get(&link).await;
    let cookie = answer.header("set-cookie").expect("a cookie");
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict");
    let (name, value) = pair.split_once('=').unwrap();
    assert_eq!(name, format!("cloister-console-{}", server.local().port()));
    assert!(value.len() * 6 >= 128, "{value}");
}

#[tokio::test]
async fn whoever_guesses_the_password_has_to_wait_and_the_link_still_works() {
    let server = Cloister::start().await;
    let mut browser = Browser::new(&server);
    let password = Some(Secret("a large key ring".to_owned().into()));
    browser.ask(Request::ConsolePassword { password }).await.unwrap();
    for _ in 0..5 {
        assert_eq!(browser.sign_in("a guess").await.status, 403);
    }
    assert_eq!(browser.sign_in("another guess").await.status, 429);
    assert_eq!(browser.sign_in("a large key ring").await.status, 429);
    Browser::signed_in(&server).await;
    server.advance(std::time::Duration::from_secs(60));
    assert_eq!(browser.sign_in("a large key ring").await.status, 200);
}

#[tokio::test]
async fn many_guesses_at_once_are_no_more_guesses() {
    let server = Cloister::start().await;
    let browser = Browser::new(&server);
    let password = Some(Secret("a large key ring".to_owned().into()));
    browser.ask(Request::ConsolePassword { password }).await.unwrap();
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let mut browser = Browser::new(&server);
        guesses.spawn(async move { browser.sign_in("a guess").await.status });
    }
    let mut statuses = guesses.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[403; 5].as_slice(), &[429; 7]].concat());
}

#[tokio::test]
async fn what_people_call_themselves_and_their_rooms_is_no_markup() {
    const EVIL: &str = "<script>alert(1)</script>\"'&";
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let juliet = server.online("juliet/&lt;b>\"'&amp;", "balcony rose").await;
    server.account("romeo", "orchard wall").await;
    let room = ("room", "choir@rooms.localhost");
    let fields = [room, ("name", EVIL), ("owners", "juliet@localhost")];
    browser.submit("/console/rooms/add", &fields).await;
    let jid = ("jid", "choir@rooms.localhost");
    let fields =
        [jid, ("account", "romeo@localhost"), ("affiliation", "outcast"), ("reason", EVIL)];
    browser.submit("/console/room/affiliate", &fields).await;
    let x = "<x xmlns='http://jabber.org/protocol/muc'/>";
    let join =
        element(&format!("<presence to='choir@rooms.localhost/&lt;i&gt;nick'>{x}</presence>"));
    juliet.send(join.to_xml()).await;
    juliet.fence().await;
    for target in [
        "/console/online",
        "/console/account?jid=juliet%40localhost",
        "/console/rooms",
        "/console/rooms?q=%3Cscript%3E%22",
        "/console/accounts?q=%3Cscript%3E%22",
        "/console/room?jid=choir%40rooms.localhost",
    ] {
        let page = browser.page(target).await;
        for markup in ["<script", "<b>", "<i>", "\"\"'", "=\"<"] {
            assert!(!page.contains(markup), "{markup} in {target}: {page}");
        }
    }
    let page = browser.page("/console/room?jid=choir%40rooms.localhost").await;
    assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
    assert!(page.contains("&#60;i&#62;nick"), "{page}");
}

#[tokio::test]
async fn a_session_with_a_hostile_resource_can_be_ended() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let _juliet = server.online("juliet/&lt;b>\"'&amp; +%41", "balcony rose").await;
    let jid = "juliet@localhost/<b>\"'& +%41";
    browser.submit("/console/online/end", &[("session", jid)]).await;
    server.gone("juliet").await;
}

#[tokio::test]
async fn nothing_of_the_console_is_on_the_public_listeners() {
    let server = Cloister::start().await;
    let browser = Browser::signed_in(&server).await;
    let cookie = browser.cookie.clone().unwrap();
    let link = browser.link().await;
    let host = format!("127.0.0.1:{}", server.local().port());
    for target in PAGES.into_iter().chain(["/console/sign-in", &link]) {
        let mut http = Http::tls(server.https(), server.authority().client(), "localhost").await;
        let answer = http.request("GET", target, &[("Cookie", &cookie)], b"").await;
        assert_eq!(answer.status, 404, "{target}");
        let mut http = Http::tls(server.https(), server.authority().client(), "localhost").await;
        let headers = [("Cookie", &*cookie), ("Host", &*host)];
        let status = http.request("GET", target, &headers, b"").await.status;
        assert!([404, 421].contains(&status), "{target}: {status}");
    }
}

#[tokio::test]
async fn a_large_or_strange_body_is_refused() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let origin = format!("http://{}", browser.host());
    let large = format!("account={}", "a".repeat(70_000));
    let headers = [FORM, ("Origin", &*origin)];
    let answer = browser.request("POST", "/console/accounts/add", &headers, &large).await;
    assert_eq!(answer.status, 413);
    let headers = [("Content-Type", "application/json"), ("Origin", &*origin)];
    let answer = browser.request("POST", "/console/accounts/add", &headers, "{}").await;
    assert_eq!(answer.status, 415);
    for method in ["PUT", "DELETE", "PATCH"] {
        let headers = [FORM, ("Origin", &*origin)];
        let answer = browser.request(method, "/console/accounts/add", &headers, "").await;
        assert_eq!(answer.status, 405, "{method}");
    }
}
