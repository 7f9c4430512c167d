//! XEP-0084: User Avatar.

use cloister::ns;

use crate::kit::avatar::{
    NOTIFY, OPEN, avatar_of, hash, info_of, publish_avatar, publish_data, publish_metadata, text,
};
use crate::kit::pubsub::{events, ids, inner, is_ok, items, notified, owner, told, values};
use crate::kit::{Client, Cloister};

const FACE: &[u8] = b"a picture of her face";
const JULIET: Option<&str> = Some("juliet@localhost");

/// Juliet, and romeo who is interested in her picture; they see each other.
async fn lovers(cloister: &Cloister) -> (Client, Client) {
    let mut juliet = cloister.online_with("juliet/balcony", "balcony", &[]).await;
    let mut romeo = cloister.online_with("romeo/orchard", "orchard", NOTIFY).await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    (juliet, romeo)
}

#[tokio::test]
async fn s3_3_a_contact_is_told_of_the_picture_and_s3_4_fetches_it() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    publish_avatar(&juliet, FACE, &[]).await;
    let message = notified(&romeo).await;
    assert_eq!(told(&message, "items").attr("node"), Some(ns::AVATAR_METADATA));
    assert_eq!(ids(told(&message, "items")), [hash(FACE)]);
    assert_eq!(avatar_of(&romeo, JULIET).await.as_deref(), Some(FACE));
}

#[tokio::test]
async fn s3_5_empty_metadata_say_that_there_is_no_picture() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    publish_avatar(&juliet, FACE, &[]).await;
    publish_metadata(&juliet, "", "", &[]).await;
    let told: Vec<_> = events(&romeo).await.iter().map(|event| event.to_xml()).collect();
    assert_eq!(told.iter().filter(|event| event.contains("<info")).count(), 1, "{told:?}");
    assert_eq!(avatar_of(&romeo, JULIET).await, None);
}

#[tokio::test]
async fn whoever_sees_the_presence_may_see_the_picture_unless_the_owner_says_otherwise() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let tybalt = cloister.online("tybalt", "sword").await;
    publish_avatar(&juliet, FACE, &[]).await;
    for node in [ns::AVATAR_DATA, ns::AVATAR_METADATA] {
        let answer = juliet.iq("get", None, &owner(&format!("<configure node='{node}'/>"))).await;
        is_ok(&answer);
        assert_eq!(values(inner(&answer, "configure"), "access_model").unwrap(), ["presence"]);
    }
    assert_eq!(avatar_of(&romeo, JULIET).await.as_deref(), Some(FACE));
    assert_eq!(avatar_of(&tybalt, JULIET).await, None);
}

#[tokio::test]
async fn who_comes_online_is_told_the_metadata_and_not_sent_the_picture() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    publish_avatar(&juliet, FACE, &[]).await;
    romeo.drain().await;
    let both = ["urn:xmpp:avatar:metadata+notify", "urn:xmpp:avatar:data+notify"];
    let street = cloister.online_with("romeo/street", "orchard", &both).await;
    let nodes: Vec<_> = events(&street).await;
    let nodes: Vec<_> =
        nodes.iter().map(|event| told(event, "items").attr("node").unwrap()).collect();
    assert_eq!(nodes, [ns::AVATAR_METADATA]);
}

#[tokio::test]
async fn a_picture_that_only_some_may_see_is_not_in_the_vcard() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    publish_avatar(&juliet, FACE, &[]).await;
    let vcard = "<vCard xmlns='vcard-temp'/>";
    assert_eq!(romeo.iq_error("get", JULIET, vcard).await, "service-unavailable");
    romeo.drain().await;
}

#[tokio::test]
async fn s4_2_1_metadata_of_pictures_elsewhere_are_handed_on() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let id = hash(FACE);
    publish_data(&juliet, &id, &text(FACE), OPEN).await;
    let infos = info_of(&id, "image/png", "")
        + &info_of(&hash(b"gif"), "image/gif", "url='https://example.org/happy.gif'");
    publish_metadata(&juliet, &id, &infos, OPEN).await;
    let answer = items(&romeo, JULIET, ns::AVATAR_METADATA, "", "").await;
    let item = inner(&answer, "items").children().next().unwrap();
    assert_eq!(item.child(ns::AVATAR_METADATA, "metadata").unwrap().children().count(), 2);
}
