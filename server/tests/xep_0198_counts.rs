//! XEP-0198: what a client counts that comes back after a crash. Handling what has come can take it
//! time, so it may say more than it said the last time, though nothing has come meanwhile.

use cloister::ns;
use cloister::xml::Element;

use crate::cli_process::{Process, Site};
use crate::kit::managed::Login;
use crate::kit::{Managed, RawClient, Resumption};
use crate::xep_0198_resumption::{message, resumed, texts};

/// Stanzas that a crash may take, so that the stream goes on without them.
const PASSING: u32 = 10;

/// What is counted, is handled, and is not answered.
const PRESENCE: &str = "<presence to='romeo@localhost'/>";

/// Juliet, whose server crashed when it had sent her presence ten times, and a message that she did
/// not read; with what she had acknowledged before all that.
async fn crashed() -> (Site, Process, Managed, u32) {
    let site = Site::new();
    for name in ["juliet@localhost", "romeo@localhost"] {
        site.account(name, "balcony").await;
    }
    let server = site.serve().await;
    let mut juliet = Managed::new(Login {
        address: server.direct(),
        tls: site.authority().client(),
        local: "juliet".into(),
        domain: "localhost".into(),
        password: "balcony".into(),
        resource: Some("balcony".into()),
    });
    juliet.appear().await.unwrap();
    let romeo = site.login(&server, "romeo", "balcony").await;
    juliet.acknowledge().await.unwrap();
    juliet.send("hello", PRESENCE).await.unwrap();
    juliet.settle().await.unwrap();
    let h = juliet.received;
    for number in 0..PASSING {
        let status = format!("<status>{number}</status>");
        romeo.send(format!("<presence to='{}'>{status}</presence>", juliet.jid)).await;
    }
    romeo.send(message("juliet@localhost", "hi")).await;
    romeo.fence().await;
    for _ in 0..PASSING {
        until(juliet.link().unwrap(), |stanza| stanza.name() == "presence").await;
    }
    server.kill().await;
    let server = site.serve().await;
    juliet.login.address = server.direct();
    (site, server, juliet, h)
}

/// Reads up to an element; the server's questions are not answered.
async fn until(link: &mut RawClient, wanted: impl Fn(&Element) -> bool) {
    while !wanted(&link.element().await) {}
}

/// Resumes, and loses the connection with all that the server says on it. What it has sent is
/// written down by then.
async fn resume_in_vain(juliet: &mut Managed, h: u32) {
    juliet.connect().await.unwrap();
    let id = juliet.id.clone().unwrap();
    juliet.write(&format!("<resume xmlns='{}' previd='{id}' h='{h}'/>", ns::SM)).await.unwrap();
    until(juliet.link().unwrap(), |element| element.is(ns::SM, "resumed")).await;
    until(juliet.link().unwrap(), |stanza| stanza.name() == "message").await;
    juliet.send("again", PRESENCE).await.unwrap();
    juliet.request().await.unwrap();
    until(juliet.link().unwrap(), |element| element.is(ns::SM, "a")).await;
    juliet.drop_link();
}

/// She says now that she has handled what came before the crash. The message comes all the same.
async fn gets_the_message(juliet: &mut Managed, h: u32) {
    juliet.connect().await.unwrap();
    assert_eq!(juliet.resume_with(h + PASSING).await.unwrap(), Resumption::Resumed);
    let came = juliet.receive_where(|stanza| stanza.has_child(ns::CLIENT, "body")).await.unwrap();
    assert_eq!(texts(&[came]), ["hi"]);
    // From here on what it says it has is believed.
    juliet.acknowledge().await.unwrap();
    juliet.settle().await.unwrap();
    juliet.reset_link();
    resumed(juliet).await;
    let came = juliet.messages().await.unwrap();
    assert!(!came.iter().any(|message| message.has_child(ns::CLIENT, "body")), "{came:?}");
}

#[tokio::test]
async fn s5_a_count_of_before_a_crash_does_not_cover_what_was_sent_after_it() {
    let (_site, _server, mut juliet, h) = crashed().await;
    resume_in_vain(&mut juliet, h).await;
    gets_the_message(&mut juliet, h).await;
}

#[tokio::test]
async fn s5_a_count_of_before_a_crash_does_not_cover_what_was_sent_before_another_crash() {
    let (site, server, mut juliet, h) = crashed().await;
    resume_in_vain(&mut juliet, h).await;
    server.kill().await;
    let server = site.serve().await;
    juliet.login.address = server.direct();
    gets_the_message(&mut juliet, h).await;
}

#[tokio::test]
async fn s5_a_count_of_before_a_crash_does_not_cover_what_was_sent_before_a_restart() {
    let (site, server, mut juliet, h) = crashed().await;
    resume_in_vain(&mut juliet, h).await;
    server.stop().await;
    let server = site.serve().await;
    juliet.login.address = server.direct();
    gets_the_message(&mut juliet, h).await;
}
