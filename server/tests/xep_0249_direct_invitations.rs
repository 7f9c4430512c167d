//! XEP-0249: Direct MUC Invitations.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, affiliate, closed, create_room, enter, enter_error, enter_with, open, undisturbed,
};
use crate::kit::{Client, Cloister};

const X: &str = "<x xmlns='jabber:x:conference' jid='coven@rooms.localhost' password='cauldronburn' \
                 reason='Hey Hecate' continue='true' thread='e0ff'/>";

async fn crone(cloister: &Cloister) -> Client {
    cloister.online("crone/desktop", "c").await
}

async fn hecate(cloister: &Cloister) -> Client {
    cloister.online("hecate/broom", "x").await
}

async fn invited(client: &Client) -> Element {
    let is_invitation = |stanza: &Element| stanza.has_child(ns::CONFERENCE, "x");
    client.receive_where("an invitation", is_invitation).await
}

#[tokio::test]
async fn s2_an_invitation_goes_from_one_to_the_other_as_it_is() {
    let cloister = open().await;
    let (crone, hecate) = (crone(&cloister).await, hecate(&cloister).await);
    crone.send(format!("<message id='i' to='hecate@localhost'>{X}</message>")).await;
    let invitation = invited(&hecate).await;
    assert_eq!(invitation.attr("from"), Some(crone.jid()));
    let x = invitation.child(ns::CONFERENCE, "x").unwrap();
    for (name, value) in [
        ("jid", ROOM),
        ("password", "cauldronburn"),
        ("reason", "Hey Hecate"),
        ("continue", "true"),
        ("thread", "e0ff"),
    ] {
        assert_eq!(x.attr(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn s2_an_invitation_waits_for_who_is_offline() {
    let cloister = open().await;
    let crone = crone(&cloister).await;
    cloister.account("hecate", "x").await;
    crone.send(format!("<message to='hecate@localhost'>{X}</message>")).await;
    crone.fence().await;
    let invitation = invited(&hecate(&cloister).await).await;
    assert_eq!(invitation.child(ns::CONFERENCE, "x").unwrap().attr("jid"), Some(ROOM));
}

#[tokio::test]
async fn s2_who_accepts_enters_with_what_the_invitation_says() {
    let cloister = open().await;
    let hag = cloister.online("hag/pda", "h").await;
    let secret = [("passwordprotectedroom", "1"), ("roomsecret", "cauldronburn")];
    create_room(&hag, ROOM, "firstwitch", &secret).await;
    let hecate = hecate(&cloister).await;
    hag.send(format!("<message to='hecate@localhost'>{X}</message>")).await;
    let invitation = invited(&hecate).await;
    let x = invitation.child(ns::CONFERENCE, "x").unwrap();
    let password = format!("<password>{}</password>", x.attr("password").unwrap());
    enter_with(&hecate, x.attr("jid").unwrap(), "queen", &password).await;
}

#[tokio::test]
async fn s4_an_invitation_alone_makes_nobody_a_member() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[]).await;
    let hecate = hecate(&cloister).await;
    hag.send(format!("<message to='hecate@localhost'>{X}</message>")).await;
    invited(&hecate).await;
    assert_eq!(enter_error(&hecate, ROOM, "queen").await.0, "registration-required");
    undisturbed(&hag, ROOM, &[&hag]).await;
    affiliate(&hag, ROOM, "hecate@localhost", "member").await;
    hecate.drain().await;
    enter(&hecate, ROOM, "queen").await;
}

#[tokio::test]
async fn s6_an_invitation_from_somebody_who_is_blocked_does_not_come() {
    let cloister = open().await;
    let (crone, hecate) = (crone(&cloister).await, hecate(&cloister).await);
    let block = "<block xmlns='urn:xmpp:blocking'><item jid='crone@localhost'/></block>";
    hecate.iq_ok("set", None, block).await;
    crone.send(format!("<message to='hecate@localhost'>{X}</message>")).await;
    hecate.expect_silence().await;
}
