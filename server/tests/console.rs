//! The operator's console: what its pages show and do.

use std::time::Duration;

use cloister::admin::{Request, Secret};

use crate::cli_process::Site;
use crate::kit::Cloister;
use crate::kit::console::{Browser, between};

/// Every page that needs nothing to look at.
const PAGES: [&str; 10] = [
    "/console",
    "/console/online",
    "/console/accounts",
    "/console/invitations",
    "/console/rooms",
    "/console/uploads",
    "/console/storage",
    "/console/certificates",
    "/console/failures",
    "/console/about",
];

fn error_of(page: &str) -> &str {
    between(page, "<div class=\"notice error\"", "</div>")
}

fn success_of(page: &str) -> &str {
    between(page, "<div class=\"notice success\"", "</div>")
}

#[tokio::test]
async fn a_link_opens_the_console_once() {
    let server = Cloister::start().await;
    let mut browser = Browser::new(&server);
    let link = browser.link().await;
    let answer = browser.get(&link).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("url=/console\""), "{}", answer.text());
    assert!(browser.page("/console").await.contains("<h1>Overview</h1>"));
    let mut thief = Browser::new(&server);
    let answer = thief.get(&link).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
    assert_eq!(thief.get("/console").await.status, 303);
}

#[tokio::test]
async fn a_link_that_is_asked_for_anew_leads_on_who_is_signed_in() {
    let server = Cloister::start().await;
    let mut browser = Browser::new(&server);
    let link = browser.link().await;
    browser.get(&link).await;
    let answer = browser.get(&link).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/console")));
    assert!(!browser.page("/console/failures").await.contains("wrong-link"));
    browser.send("/console/sign-out", &[]).await;
    assert_eq!(browser.get(&link).await.status, 403);
}

#[tokio::test]
async fn a_link_is_over_after_five_minutes() {
    let server = Cloister::start().await;
    let mut browser = Browser::new(&server);
    let link = browser.link().await;
    server.advance(Duration::from_secs(300));
    assert_eq!(browser.get(&link).await.status, 403);
}

#[tokio::test]
async fn the_operators_password_opens_the_console() {
    let server = Cloister::start().await;
    let mut browser = Browser::new(&server);
    let password = Some(Secret("a large key ring".to_owned().into()));
    browser.ask(Request::ConsolePassword { password }).await.unwrap();
    assert!(browser.page("/console/sign-in").await.contains("type=\"password\""));
    let answer = browser.sign_in("another key ring").await;
    assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
    assert_eq!(browser.sign_in("a large key ring").await.status, 200);
    browser.page("/console").await;
}

#[tokio::test]
async fn without_a_password_there_is_nothing_to_fill_in_and_none_is_right() {
    let server = Cloister::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.page("/console/sign-in").await;
    assert!(!page.contains("type=\"password\""), "{page}");
    assert_eq!(browser.sign_in("").await.status, 403);
    assert_eq!(browser.sign_in("password").await.status, 403);
}

#[tokio::test]
async fn a_new_password_ends_all_sessions() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let password = Some(Secret("a large key ring".to_owned().into()));
    browser.ask(Request::ConsolePassword { password }).await.unwrap();
    assert_eq!(browser.get("/console").await.status, 303);
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let mut other = Browser::signed_in(&server).await;
    let answer = browser.send("/console/sign-out", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/console/sign-in")));
    assert_eq!(browser.get("/console").await.status, 303);
    other.page("/console").await;
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it_whatever_comes_again_by_itself() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    for _ in 0..3 {
        server.advance(Duration::from_secs(29 * 60));
        browser.page("/console").await;
    }
    server.advance(Duration::from_secs(29 * 60));
    let page = browser.page("/console?again=1").await;
    assert!(page.contains("url=/console?again=1\""), "{page}");
    server.advance(Duration::from_secs(60));
    assert_eq!(browser.get("/console?again=1").await.status, 303);
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    for _ in 0..71 {
        server.advance(Duration::from_secs(600));
        browser.page("/console/about").await;
    }
    server.advance(Duration::from_secs(600));
    assert_eq!(browser.get("/console/about").await.status, 303);
}

#[tokio::test]
async fn the_overview_need_not_come_again() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    assert!(browser.page("/console").await.contains("http-equiv=\"refresh\""));
    assert!(!browser.page("/console?still=1").await.contains("http-equiv=\"refresh\""));
}

#[tokio::test]
async fn an_account_is_added_found_disabled_enabled_and_removed() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let fields = [("account", "juliet@localhost"), ("password", "balcony rose"), ("admin", "1")];
    let page = browser.submit("/console/accounts/add", &fields).await;
    assert!(success_of(&page).contains("juliet@localhost is added."), "{page}");
    assert!(page.contains(">admin<"), "{page}");
    server.account("romeo", "orchard wall").await;
    let found = browser.page("/console/accounts?q=JUL").await;
    assert!(found.contains("juliet@localhost") && !found.contains("romeo@localhost"), "{found}");
    let jid = [("jid", "juliet@localhost")];
    let page = browser.submit("/console/account/disable", &jid).await;
    assert!(page.contains(">disabled<"), "{page}");
    let page = browser.submit("/console/account/enable", &jid).await;
    assert!(!page.contains(">disabled<"), "{page}");
    let asked = browser.page("/console/account/remove?jid=juliet%40localhost").await;
    assert!(asked.contains("Remove juliet@localhost?"), "{asked}");
    let page = browser.submit("/console/account/remove", &jid).await;
    assert!(success_of(&page).contains("juliet@localhost is removed"), "{page}");
    assert!(!browser.page("/console/accounts").await.contains("juliet@localhost"));
}

#[tokio::test]
async fn a_password_that_is_made_up_is_shown_once_and_works() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let fields = [("account", "juliet@localhost"), ("password", "")];
    let page = browser.submit("/console/accounts/add", &fields).await;
    let password = between(&page, "<code translate=\"no\">", "</code>").to_owned();
    assert!(password.len() > 20, "{password}");
    server.login("juliet", &password).await;
    let again = browser.page("/console/account?jid=juliet%40localhost&said=1").await;
    assert!(!again.contains(&password), "{again}");
}

#[tokio::test]
async fn a_new_password_closes_the_sessions() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let _juliet = server.online("juliet", "balcony rose").await;
    let fields = [("jid", "juliet@localhost"), ("password", "orchard wall")];
    let page = browser.submit("/console/account/password", &fields).await;
    assert!(success_of(&page).contains("changed; 1 session closed"), "{page}");
    server.gone("juliet").await;
    server.login("juliet", "orchard wall").await;
}

#[tokio::test]
async fn what_cannot_be_done_is_told_with_its_remedy() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    for (account, password, why) in [
        ("juliet@elsewhere.example", "balcony rose", "no domain of this server"),
        ("juliet", "balcony rose", "write it as in"),
        ("juliet@localhost", "short", "choose a longer one"),
    ] {
        let fields = [("account", account), ("password", password)];
        let page = browser.submit("/console/accounts/add", &fields).await;
        assert!(error_of(&page).contains(why), "{page}");
    }
    let answer = browser.get("/console/account?jid=nobody%40localhost").await;
    assert_eq!(answer.status, 404, "{}", answer.text());
}

#[tokio::test]
async fn who_is_online_is_shown_and_can_be_sent_away() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let _juliet = server.online("juliet/balcony", "balcony rose").await;
    let page = browser.page("/console/online").await;
    assert!(page.contains("juliet@localhost") && page.contains(">balcony<"), "{page}");
    assert!(browser.page("/console/account?jid=juliet%40localhost").await.contains(">balcony<"));
    let page = browser.submit("/console/online/end", &[("session", "juliet@localhost/balcony")]);
    assert!(success_of(&page.await).contains("is closed"));
    server.gone("juliet").await;
    let page = browser.submit("/console/online/end", &[("session", "juliet@localhost/balcony")]);
    assert!(error_of(&page.await).contains("There is no such session"));
}

#[tokio::test]
async fn how_long_messages_are_kept_is_shown_and_changed() {
    let server = Cloister::start().await;
    server.account("juliet", "balcony rose").await;
    let mut browser = Browser::signed_in(&server).await;
    let set = async |browser: &mut Browser, retention: &str| {
        let fields = [("jid", "juliet@localhost"), ("retention", retention)];
        browser.submit("/console/account/retention", &fields).await
    };
    let page = set(&mut browser, "90d").await;
    assert!(page.contains("name=\"retention\" required value=\"90d\""), "{page}");
    let page = set(&mut browser, "default").await;
    assert!(page.contains("name=\"retention\" required value=\"default\""), "{page}");
    let page = set(&mut browser, "soon").await;
    assert!(error_of(&page).contains("Not a duration"), "{page}");
}

#[tokio::test]
async fn an_invitation_is_made_shown_with_its_code_and_taken_back() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let fields = [("uses", "3"), ("expires", "2d"), ("name", ""), ("admin", "1")];
    let page = browser.submit("/console/invitations/add", &fields).await;
    assert!(page.contains("<h1>An account of localhost</h1>"), "{page}");
    assert!(page.contains("<svg class=\"qr\"") && page.contains("/invite/"), "{page}");
    let id = between(&page, "name=\"id\" value=\"", "\"").to_owned();
    assert!(browser.page("/console/invitations").await.contains("1 invitation</h2>"));
    let page = browser.submit("/console/invitations/revoke", &[("id", &id)]).await;
    assert!(success_of(&page).contains("taken back"), "{page}");
    for (field, value) in [("uses", "many"), ("expires", "soon"), ("contact", "alice")] {
        let page = browser.submit("/console/invitations/add", &[(field, value)]).await;
        assert!(!error_of(&page).is_empty());
    }
}

#[tokio::test]
async fn a_reset_link_is_made_for_an_account() {
    let server = Cloister::start().await;
    server.account("juliet", "balcony rose").await;
    let mut browser = Browser::signed_in(&server).await;
    let page = browser.submit("/console/account/reset", &[("jid", "juliet@localhost")]).await;
    assert!(page.contains("<h1>A new password for juliet@localhost</h1>"), "{page}");
}

#[tokio::test]
async fn files_are_told_by_account_and_removed() {
    let server = Cloister::start().await;
    server.account("juliet", "balcony rose").await;
    let mut browser = Browser::signed_in(&server).await;
    assert!(browser.page("/console/uploads").await.contains("0 files"));
    let page = browser.page("/console/uploads?account=juliet%40localhost").await;
    assert!(page.contains("Uploads of juliet@localhost"), "{page}");
    let page = browser.submit("/console/uploads/remove", &[("id", "none")]).await;
    assert!(error_of(&page).contains("cloister upload list"), "{page}");
    browser.page("/console/uploads/remove-all?account=juliet%40localhost").await;
    let account = [("account", "juliet@localhost")];
    let page = browser.submit("/console/uploads/remove-all", &account).await;
    assert!(success_of(&page).contains("Removed: 0 files"), "{page}");
}

#[tokio::test]
async fn a_room_is_made_changed_and_destroyed() {
    let server = Cloister::start().await;
    server.account("juliet", "balcony rose").await;
    server.account("romeo", "orchard wall").await;
    let mut browser = Browser::signed_in(&server).await;
    let room = ("room", "choir@rooms.localhost");
    let fields = [room, ("name", "The choir"), ("owners", "juliet@localhost")];
    let page = browser.submit("/console/rooms/add", &fields).await;
    assert!(page.contains("<h1>The choir</h1>"), "{page}");
    assert!(browser.page("/console/rooms?q=choir").await.contains("choir@rooms.localhost"));
    let jid = ("jid", "choir@rooms.localhost");
    let fields = [jid, ("was.name", "The choir"), ("set.name", "Chor"), ("set.public", "true")];
    let page = browser.submit("/console/room/configure", &fields).await;
    assert!(page.contains("<h1>Chor</h1>"), "{page}");
    let fields = [jid, ("account", "romeo@localhost"), ("affiliation", "member")];
    let page = browser.submit("/console/room/affiliate", &fields).await;
    assert!(page.contains("<th scope=\"row\">romeo@localhost</th>"), "{page}");
    browser.page("/console/room/destroy?jid=choir%40rooms.localhost").await;
    let page = browser.submit("/console/room/destroy", &[jid, ("reason", "over")]).await;
    assert!(success_of(&page).contains("is destroyed"), "{page}");
}

#[tokio::test]
async fn a_setting_that_the_operator_did_not_touch_stays_as_its_owner_has_it_by_now() {
    let server = Cloister::start().await;
    server.account("juliet", "balcony rose").await;
    let mut browser = Browser::signed_in(&server).await;
    let room = ("room", "choir@rooms.localhost");
    let fields = [room, ("name", "The choir"), ("owners", "juliet@localhost")];
    browser.submit("/console/rooms/add", &fields).await;
    let jid = ("jid", "choir@rooms.localhost");
    let fields = [jid, ("was.name", "As it was"), ("set.name", "As it was"), ("set.lang", "de")];
    let page = browser.submit("/console/room/configure", &fields).await;
    assert!(page.contains("<h1>The choir</h1>"), "{page}");
}

#[tokio::test]
async fn what_is_kept_is_shown_checked_and_expired() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    assert!(browser.page("/console/storage").await.contains("<dd>30d</dd>"));
    let page = browser.submit("/console/storage/check", &[]).await;
    assert!(success_of(&page).contains("records can be read"), "{page}");
    let page = browser.submit("/console/storage/expire", &[]).await;
    assert!(success_of(&page).contains("0 whole periods"), "{page}");
}

#[tokio::test]
async fn a_wrong_link_is_among_the_failures() {
    let server = Cloister::start().await;
    let mut browser = Browser::new(&server);
    browser.get("/console/enter?token=none").await;
    let mut browser = Browser::signed_in(&server).await;
    assert!(browser.page("/console/failures").await.contains("wrong-link"));
}

#[tokio::test]
async fn certificates_and_specifications_are_told() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let page = browser.page("/console/certificates").await;
    assert!(page.contains("localhost") && page.contains("days left"), "{page}");
    let page = browser.page("/console/about").await;
    assert!(page.contains("https://xmpp.org/extensions/xep-0199.html"), "{page}");
}

#[tokio::test]
async fn pages_have_neither_script_nor_inline_style_nor_anything_from_elsewhere() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    let _juliet = server.online("juliet", "balcony rose").await;
    let more = ["/console/account?jid=juliet%40localhost", "/console/sign-in"];
    for target in PAGES.into_iter().chain(more) {
        let answer = browser.get(target).await;
        assert_eq!(answer.status, 200, "{target}");
        let page = answer.text();
        for none in
            ["<script", "<style", " style=", "javascript:", " onclick", " src=\"http", "@import"]
        {
            assert!(!page.contains(none), "{none} in {target}");
        }
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"));
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{target}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
    }
}

#[tokio::test]
async fn every_field_of_a_form_has_a_label() {
    let server = Cloister::start().await;
    let mut browser = Browser::signed_in(&server).await;
    server.account("juliet", "balcony rose").await;
    for target in PAGES.into_iter().chain(["/console/account?jid=juliet%40localhost"]) {
        let page = browser.page(target).await;
        let fields = page.split("<input ").skip(1).map(|rest| rest.split_once('>').unwrap().0);
        for field in fields.filter(|field| !field.contains("hidden") && !field.contains("checkbox"))
        {
            let id = between(field, "id=\"", "\"");
            assert!(
                page.contains(&format!("<label for=\"{id}\""))
                    || page.contains(&format!("for=\"{id}\">")),
                "{field} in {target}"
            );
        }
    }
}

#[tokio::test]
async fn the_commands_print_a_link_and_set_the_password() {
    let site = Site::new();
    let alone = site.run(&["console"]).await.failed();
    assert!(alone.contains("cloister serve"), "{alone}");
    let server = site.serve().await;
    let link = site.run(&["console", "--json"]).await.json();
    assert!(link["url"].as_str().unwrap().contains("/console/enter?token="), "{link}");
    let printed = site.run(&["console"]).await.ok();
    assert!(printed.starts_with("http://127.0.0.1:") && printed.lines().count() == 1, "{printed}");
    let password = site.path().join("console");
    std::fs::write(&password, "a large key ring\n").unwrap();
    let set = ["console", "password", "--password-file", password.to_str().unwrap()];
    site.run(&set).await.ok();
    site.run(&["console", "password", "--remove"]).await.ok();
    server.stop().await;
}

#[tokio::test]
async fn the_command_ends_one_session() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    let server = site.serve().await;
    let client = site.login(&server, "juliet", "secret password").await;
    let gone = site.run(&["user", "sessions", "--end", "juliet@localhost/nowhere"]).await.failed();
    assert!(gone.contains("no such session"), "{gone}");
    let done = site.run(&["user", "sessions", "--end", client.jid()]).await.ok();
    assert!(done.contains("is closed"), "{done}");
}
