//! The page behind an invitation link, as a browser gets it (XEP-0379 §3.3, XEP-0401 §"Landing Page").

use std::time::Duration;

use cloister::features::invite::{self, Invitation, Kind, Wish};
use cloister::jid::{BareJid, Domain, Localpart};

use crate::kit::Cloister;
use crate::kit::http::{Http, Response};

const PASSWORD: &str = "sunlit+orchard";
const FORM: &str = "application/x-www-form-urlencoded";

fn wish(cloister: &Cloister) -> Wish {
    Wish::account(cloister.server(), Domain::parse("localhost").unwrap())
}

async fn made(cloister: &Cloister, wish: Wish) -> Invitation {
    invite::make(cloister.server(), wish).await.unwrap()
}

/// The path of a new invitation to make an account.
async fn link(cloister: &Cloister) -> String {
    path(&made(cloister, wish(cloister)).await)
}

fn path(invitation: &Invitation) -> String {
    format!("/invite/{}", invitation.token)
}

async fn browser(cloister: &Cloister) -> Http {
    Http::tls(cloister.https(), cloister.authority().client(), "localhost").await
}

async fn get(cloister: &Cloister, path: &str, headers: &[(&str, &str)]) -> Response {
    browser(cloister).await.request("GET", path, headers, b"").await
}

async fn send(cloister: &Cloister, path: &str, headers: &[(&str, &str)], form: &str) -> Response {
    let headers: Vec<_> = [("Content-Type", FORM)].iter().chain(headers).copied().collect();
    browser(cloister).await.request("POST", path, &headers, form.as_bytes()).await
}

async fn post(cloister: &Cloister, path: &str, name: &str, password: &str) -> Response {
    let password = password.replace('+', "%2B");
    let form = format!("name={name}&password={password}&again={password}");
    send(cloister, path, &[("Sec-Fetch-Site", "same-origin")], &form).await
}

/// RFC 9110 and the policy of every page: closed, kept by nobody, found by nobody.
fn assert_page(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{}", response.text());
    let header = |name| response.header(name).unwrap_or_default();
    let policy = header("content-security-policy");
    for part in
        ["default-src 'none'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("x-robots-tag").contains("noindex"));
    for never in ["<script", "<style", " style=", " onclick="] {
        assert!(!response.text().contains(never), "{never} in {}", response.text());
    }
}

#[tokio::test]
async fn the_page_speaks_the_language_of_the_browser_or_of_its_link() {
    let cloister = Cloister::start().await;
    let path = link(&cloister).await;
    let german = get(&cloister, &path, &[("Accept-Language", "de-AT,de;q=0.9,en;q=0.5")]).await;
    assert_page(&german, 200);
    assert!(
        german.text().contains("<html lang=\"de\">") && german.text().contains("Konto anlegen")
    );
    let english = get(&cloister, &format!("{path}?lang=en"), &[("Accept-Language", "de")]).await;
    assert_page(&english, 200);
    assert!(
        english.text().contains("<html lang=\"en\">") && english.text().contains("Create account")
    );
}

#[tokio::test]
async fn the_page_hands_the_invitation_to_an_app_and_shows_those_of_the_device() {
    let cloister = Cloister::start().await;
    let invitation = made(&cloister, wish(&cloister)).await;
    let agent = ("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X)");
    let page = get(&cloister, &path(&invitation), &[agent]).await;
    let uri = format!("xmpp:localhost?register;preauth={}", invitation.token);
    assert!(page.text().contains(&format!("href=\"{uri}\"")), "{}", page.text());
    assert_eq!(page.header("link"), Some(format!("<{uri}>; rel=\"alternate\"").as_str()));
    let (own, others) = page.text().split_once("<details>").unwrap();
    assert!(own.contains("Monal") && !own.contains("Conversations"));
    assert!(others.contains("Conversations") && others.contains("Gajim"));
    assert!(page.text().contains("<svg class=\"qr\""));
}

#[tokio::test]
async fn looking_at_the_page_uses_nothing_up() {
    let cloister = Cloister::start().await;
    let path = link(&cloister).await;
    for method in ["GET", "HEAD", "GET"] {
        let page = browser(&cloister).await.request(method, &path, &[], b"").await;
        assert_eq!(page.status, 200, "{method}");
    }
    assert_page(&post(&cloister, &path, "juliet", PASSWORD).await, 200);
}

#[tokio::test]
async fn whoever_fills_in_the_form_has_an_account_and_logs_in() {
    let cloister = Cloister::start().await;
    let page = post(&cloister, &link(&cloister).await, "Juliet", PASSWORD).await;
    assert_page(&page, 200);
    assert!(page.text().contains("Welcome, juliet!"));
    assert!(page.text().contains(">juliet@localhost<"));
    assert!(page.text().contains("href=\"xmpp:juliet@localhost\""));
    assert!(!page.text().contains(PASSWORD));
    let juliet = cloister.login("juliet", PASSWORD).await;
    assert_eq!(juliet.bare(), "juliet@localhost");
}

#[tokio::test]
async fn an_error_stands_beside_its_field_and_nothing_is_used_up() {
    let cloister = Cloister::start().await;
    cloister.account("romeo", "montague").await;
    let path = link(&cloister).await;
    for (name, password, field, text) in [
        ("romeo", PASSWORD, "name", "has this name already"),
        ("admin", PASSWORD, "name", "kept for the server"),
        ("ju+liet", PASSWORD, "name", "cannot be a name"),
        ("r0meo", PASSWORD, "name", "looks like the name"),
        ("%D1%80aul", PASSWORD, "name", "mixes letters"),
        ("", PASSWORD, "name", "choose a name"),
        ("juliet", "rosebud", "password", "at least 8 characters"),
        ("juliet", "", "password", "choose a password"),
        ("juliet", "seven%00seven", "password", "cannot be a password"),
    ] {
        let page = post(&cloister, &path, name, password).await;
        assert_page(&page, 422);
        let error = page.text().split(&format!("id=\"{field}-error\">")).nth(1);
        let error = error.unwrap_or_else(|| panic!("{name}: {}", page.text()));
        assert!(error.split('<').next().unwrap().contains(text), "{name}: {error}");
        assert!(password.is_empty() || !page.text().contains(password), "{name}");
    }
    let form = format!("name=juliet&password={PASSWORD}&again=another");
    let page = send(&cloister, &path, &[], &form).await;
    assert_page(&page, 422);
    assert!(page.text().contains("id=\"again-error\"") && page.text().contains("value=\"juliet\""));
    assert_page(&post(&cloister, &path, "juliet", PASSWORD).await, 200);
}

#[tokio::test]
async fn an_invitation_makes_one_account() {
    let cloister = Cloister::start().await;
    let path = link(&cloister).await;
    assert_page(&post(&cloister, &path, "juliet", PASSWORD).await, 200);
    let again = post(&cloister, &path, "tybalt", PASSWORD).await;
    assert_page(&again, 410);
    assert!(again.text().contains("has been used"));
    assert_page(&get(&cloister, &path, &[]).await, 410);
    cloister.gone("tybalt").await;
}

#[tokio::test]
async fn an_invitation_that_has_expired_says_so() {
    let cloister = Cloister::start().await;
    let path = link(&cloister).await;
    cloister.advance(Duration::from_secs(8 * 24 * 3600));
    let page = get(&cloister, &path, &[("Accept-Language", "de")]).await;
    assert_page(&page, 410);
    assert!(page.text().contains("Diese Einladung ist abgelaufen"));
    assert_page(&post(&cloister, &path, "juliet", PASSWORD).await, 410);
}

#[tokio::test]
async fn whoever_guesses_links_has_to_wait() {
    let cloister = Cloister::start().await;
    for guess in ["a", "b", "%ff%fe"] {
        assert_page(&get(&cloister, &format!("/invite/{guess}"), &[]).await, 404);
    }
    let page = get(&cloister, &link(&cloister).await, &[]).await;
    assert_page(&page, 429);
    let wait: u64 = page.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=300).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_form_of_a_foreign_page_is_refused() {
    let cloister = Cloister::start().await;
    let path = link(&cloister).await;
    let form = format!("name=juliet&password={PASSWORD}&again={PASSWORD}");
    for headers in [
        &[("Origin", "https://evil.example")][..],
        &[("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", "null"), ("Sec-Fetch-Site", "cross-site")],
    ] {
        assert_page(&send(&cloister, &path, headers, &form).await, 403);
    }
    // A page with `no-referrer` sends no better Origin, and old browsers say no more.
    assert_page(&send(&cloister, &path, &[("Origin", "null")], &form).await, 200);
}

#[tokio::test]
async fn a_form_that_is_none_or_too_large_is_refused_and_uses_nothing_up() {
    let cloister = Cloister::start().await;
    let path = link(&cloister).await;
    let large = format!("name=juliet&password={}", "x".repeat(17 * 1024));
    assert_page(&send(&cloister, &path, &[], &large).await, 413);
    let json = browser(&cloister).await;
    let mut json = json;
    let answer = json.request("POST", &path, &[("Content-Type", "application/json")], b"{}").await;
    assert_page(&answer, 415);
    assert_page(&send(&cloister, &path, &[], "name=%ff&name=a").await, 422);
    assert_page(&post(&cloister, &path, "juliet", PASSWORD).await, 200);
}

#[tokio::test]
async fn a_new_password_by_invitation_works_and_the_old_one_does_not() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "forgotten").await;
    let name = Some(Localpart::parse("juliet").unwrap());
    let wish = Wish { kind: Kind::Reset, name, ..wish(&cloister) };
    let path = path(&made(&cloister, wish).await);
    let page = get(&cloister, &path, &[]).await;
    assert_page(&page, 200);
    assert!(page.text().contains("Choose a new password") && !page.text().contains("xmpp:"));
    assert_eq!(page.header("link"), None);
    assert_page(&post(&cloister, &path, "nobody", "short").await, 422);
    let done = post(&cloister, &path, "nobody", PASSWORD).await;
    assert_page(&done, 200);
    assert!(done.text().contains("Your password is changed"));
    cloister.login("juliet", PASSWORD).await;
    assert_page(&get(&cloister, &path, &[]).await, 410);
}

#[tokio::test]
async fn the_inviter_greets_and_is_a_contact_afterwards() {
    let cloister = Cloister::start().await;
    cloister.account("romeo", "montague").await;
    let romeo = BareJid::parse("romeo@localhost").unwrap();
    let wish = Wish {
        kind: Kind::Contact,
        inviter: Some(romeo.clone()),
        contact: Some(romeo),
        ..wish(&cloister)
    };
    let path = path(&made(&cloister, wish).await);
    let page = get(&cloister, &path, &[]).await;
    assert_page(&page, 200);
    assert!(page.text().contains("<h1>romeo invites you to chat</h1>"));
    assert_page(&post(&cloister, &path, "juliet", PASSWORD).await, 200);
    let juliet = cloister.login("juliet", PASSWORD).await;
    let roster = juliet.iq_ok("get", None, "<query xmlns='jabber:iq:roster'/>").await;
    assert!(roster.to_xml().contains("romeo@localhost"), "{}", roster.to_xml());
}

#[tokio::test]
async fn the_stylesheet_is_kept_and_its_address_changes_with_it() {
    let cloister = Cloister::start().await;
    let page = get(&cloister, &link(&cloister).await, &[]).await;
    let style = page.text().split("<link rel=\"stylesheet\" href=\"").nth(1).unwrap();
    let style = style.split('"').next().unwrap();
    let sheet = get(&cloister, style, &[]).await;
    assert_eq!(
        (sheet.status, sheet.header("content-type")),
        (200, Some("text/css; charset=utf-8"))
    );
    assert_eq!(sheet.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let tag = sheet.header("etag").unwrap();
    let known = get(&cloister, "/assets/style.css", &[("If-None-Match", tag)]).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(known.header("cache-control"), Some("public, no-cache"));
}
