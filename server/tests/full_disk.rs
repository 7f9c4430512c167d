//! A full disk: what has to be kept is refused, messages for the archive too, everything else goes
//! on, and when there is space again the server goes on by itself.
//!
//! The disk is full when a test says so. What the engine does on one that really is full, is proved
//! by the store's own tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cloister::ns;
use cloister::store::Disk;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, body, condition};
use crate::xep_0313_mam::query;

const ROSTER: &str = "<query xmlns='jabber:iq:roster'/>";
const TYBALT: &str =
    "<query xmlns='jabber:iq:roster'><item jid='tybalt@localhost' name='cat'/></query>";

/// A server on a disk that can be full.
struct Site {
    cloister: Cloister,
    is_full: Arc<AtomicBool>,
}

impl Site {
    async fn new() -> Self {
        let is_full = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&is_full);
        let free = move |_: &_| Ok(if asked.load(Ordering::SeqCst) { 4096 } else { u64::MAX });
        let disk = Disk { free_space: Arc::new(free), ..Disk::default() };
        Site { cloister: Cloister::on(disk).await, is_full }
    }

    fn fill(&self) {
        self.is_full.store(true, Ordering::SeqCst);
    }

    fn free(&self) {
        self.is_full.store(false, Ordering::SeqCst);
    }

    /// Walks all records, as `cloister store check` does.
    async fn check(&self) {
        let report = self.cloister.server().store.check(|_| {}).await.unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
    }
}

/// The condition of an error that says: try again later.
fn wait(answer: &Element) -> String {
    let error = answer.child(ns::CLIENT, "error");
    assert_eq!(error.and_then(|error| error.attr("type")), Some("wait"), "{}", answer.to_xml());
    condition(answer)
}

async fn roster(client: &Client) -> String {
    let answer = client.iq_ok("get", None, ROSTER).await;
    answer.child(ns::ROSTER, "query").unwrap().to_xml()
}

async fn say(from: &Client, to: &str, text: &str) {
    from.send(format!("<message to='{to}' type='chat'><body>{text}</body></message>")).await;
}

fn is_message(stanza: &Element) -> bool {
    stanza.name() == "message"
}

#[tokio::test]
async fn a_change_is_refused_whole_and_the_same_one_works_once_there_is_space() {
    let site = Site::new().await;
    let juliet = site.cloister.online("juliet", "balcony").await;
    juliet
        .iq_ok("set", None, "<query xmlns='jabber:iq:roster'><item jid='nurse@localhost'/></query>")
        .await;
    juliet.drain().await;
    let before = roster(&juliet).await;
    site.fill();
    let answer = juliet.iq("set", None, TYBALT).await;
    assert_eq!(wait(&answer), "resource-constraint");
    // No push, no new version, nothing of the item.
    juliet.expect_silence().await;
    assert_eq!(roster(&juliet).await, before);
    site.free();
    juliet.iq_ok("set", None, TYBALT).await;
    let push = juliet.receive().await;
    assert!(push.to_xml().contains("tybalt@localhost"), "{}", push.to_xml());
    let after = roster(&juliet).await;
    assert!(after.contains("tybalt@localhost") && after.contains("cat"), "{after}");
    site.check().await;
    let cloister = site.cloister.restart().await;
    assert_eq!(roster(&cloister.login("juliet", "balcony").await).await, after);
}

#[tokio::test]
async fn whatever_would_have_to_be_kept_is_refused_alike() {
    let site = Site::new().await;
    let juliet = site.cloister.online("juliet", "balcony").await;
    let changes = [
        TYBALT,
        "<block xmlns='urn:xmpp:blocking'><item jid='tybalt@localhost'/></block>",
        "<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>",
        "<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>",
    ];
    site.fill();
    for change in changes {
        let answer = juliet.iq("set", None, change).await;
        assert_eq!(wait(&answer), "resource-constraint", "{change}");
    }
    juliet.expect_silence().await;
    site.free();
    for change in changes {
        juliet.iq_ok("set", None, change).await;
    }
    site.check().await;
}

#[tokio::test]
async fn a_message_to_somebody_who_is_away_is_refused_and_not_delivered_later() {
    let site = Site::new().await;
    site.cloister.account("juliet", "balcony").await;
    let romeo = site.cloister.online("romeo", "orchard").await;
    say(&romeo, "juliet@localhost", "before").await;
    romeo.fence().await;
    site.fill();
    say(&romeo, "juliet@localhost", "refused").await;
    let error = romeo.receive().await;
    assert_eq!((error.name(), error.attr("type")), ("message", Some("error")));
    assert_eq!(error.attr("from"), Some("juliet@localhost"));
    assert_eq!(wait(&error), "resource-constraint");
    site.free();
    say(&romeo, "juliet@localhost", "after").await;
    romeo.expect_silence().await;
    site.check().await;
    let juliet = site.cloister.online("juliet", "balcony").await;
    let came: Vec<_> = juliet.drain().await.iter().map(body).collect();
    assert_eq!(came, ["before", "after"]);
}

#[tokio::test]
async fn a_message_for_the_archive_is_refused_and_nobody_sees_it_even_of_those_who_are_there() {
    let site = Site::new().await;
    let mut juliet = site.cloister.online("juliet", "balcony").await;
    let mut romeo = site.cloister.online("romeo", "orchard").await;
    site.cloister.befriend(&mut juliet, &mut romeo).await;
    let phone = site.cloister.online("romeo/phone", "orchard").await;
    phone.iq_ok("set", None, "<enable xmlns='urn:xmpp:carbons:2'/>").await;
    for client in [&juliet, &romeo, &phone] {
        client.drain().await;
    }
    site.fill();
    for to in [juliet.bare(), juliet.jid()] {
        say(&romeo, to, "refused").await;
        let error = romeo.receive().await;
        assert_eq!((error.name(), error.attr("type")), ("message", Some("error")));
        assert_eq!(error.attr("from"), Some(to));
        assert_eq!(wait(&error), "resource-constraint");
    }
    // Nor a copy: whoever has seen a message can find it in the archive.
    juliet.expect_silence().await;
    phone.expect_silence().await;
    site.free();
    say(&romeo, juliet.bare(), "taken").await;
    assert_eq!(body(&juliet.receive().await), "taken");
    let archived = |client| async move { query(client, "").await.bodies() };
    assert_eq!(archived(&romeo).await, ["taken"]);
    assert_eq!(archived(&juliet).await, ["taken"]);
    site.check().await;
}

#[tokio::test]
async fn what_needs_no_disk_goes_on_between_those_who_are_there() {
    let site = Site::new().await;
    let mut juliet = site.cloister.online("juliet", "balcony").await;
    let mut romeo = site.cloister.online("romeo", "orchard").await;
    site.cloister.befriend(&mut juliet, &mut romeo).await;
    let before = roster(&juliet).await;
    romeo.close().await;
    juliet.drain().await;
    site.fill();
    let romeo = site.cloister.online("romeo", "orchard").await;
    let presence = juliet.receive().await;
    assert_eq!((presence.name(), presence.attr("from")), ("presence", Some(romeo.jid())));
    for inside in [
        "<body>psst</body><no-store xmlns='urn:xmpp:hints'/>",
        "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
    ] {
        for (from, to) in [(&romeo, &juliet), (&juliet, &romeo)] {
            from.send(format!("<message to='{}' type='chat'>{inside}</message>", to.jid())).await;
            let came = to.receive_where("a message", is_message).await;
            assert_eq!((came.attr("from"), came.attr("type")), (Some(from.jid()), Some("chat")));
        }
    }
    assert_eq!(roster(&juliet).await, before);
    // Leaving is noted with a time, which may be missing later; everybody hears of it.
    romeo.close().await;
    let gone = juliet.receive().await;
    assert_eq!((gone.name(), gone.attr("type")), ("presence", Some("unavailable")));
    site.check().await;
}

#[tokio::test]
async fn what_was_kept_is_read_and_comes_again_as_it_could_not_be_deleted() {
    let site = Site::new().await;
    site.cloister.account("juliet", "balcony").await;
    let romeo = site.cloister.online("romeo", "orchard").await;
    say(&romeo, "juliet@localhost", "kept").await;
    romeo.fence().await;
    site.fill();
    let juliet = site.cloister.online("juliet", "balcony").await;
    let first = juliet.receive().await;
    assert_eq!(body(&first), "kept");
    juliet.close().await;
    site.free();
    let juliet = site.cloister.online("juliet", "balcony").await;
    // The same, with the same stanza id and the same time.
    assert_eq!(juliet.receive().await.to_xml(), first.to_xml());
    juliet.close().await;
    site.cloister.online("juliet", "balcony").await.expect_silence().await;
    site.check().await;
}
