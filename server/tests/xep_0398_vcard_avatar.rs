//! XEP-0398: User Avatar to vCard-Based Avatars Conversion.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::avatar::{
    NOTIFY, OPEN, avatar_of, hash, info_of, photo, photo_of, publish_avatar, publish_data,
    publish_metadata, set_photo, text, told_photos, vcard_of, vcard_with,
};
use crate::kit::pubsub::{
    configure, create_ok, delete, event, events, features, ids, info, inner, is_ok, items,
    notified, owner, purge, retract, told, values,
};
use crate::kit::{Client, Cloister};

const FACE: &[u8] = b"a picture of her face";
const HAND: &[u8] = b"a picture of her hand";
const JULIET: Option<&str> = Some("juliet@localhost");
const NODES: [&str; 2] = [ns::AVATAR_DATA, ns::AVATAR_METADATA];

/// Juliet, and romeo who is interested in her picture; they see each other.
async fn lovers(cloister: &Cloister) -> (Client, Client) {
    let mut juliet = cloister.online_with("juliet/balcony", "balcony", &[]).await;
    let mut romeo = cloister.online_with("romeo/orchard", "orchard", NOTIFY).await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    (juliet, romeo)
}

/// The `<metadata/>` of the next event.
async fn told_metadata(client: &Client) -> Element {
    let message = notified(client).await;
    let items = told(&message, "items");
    assert_eq!(items.attr("node"), Some(ns::AVATAR_METADATA));
    let item = items.children().next().unwrap();
    item.child(ns::AVATAR_METADATA, "metadata").unwrap().clone()
}

async fn access(juliet: &Client, node: &str) -> String {
    let answer = juliet.iq("get", None, &owner(&format!("<configure node='{node}'/>"))).await;
    is_ok(&answer);
    values(inner(&answer, "configure"), "access_model").unwrap().concat()
}

async fn has_node(juliet: &Client, node: &str) -> bool {
    info(juliet, None, Some(node)).await.attr("type") == Some("result")
}

#[tokio::test]
async fn s2_the_account_has_the_feature() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for (client, to) in [(&juliet, None), (&juliet, JULIET), (&romeo, JULIET)] {
        let answer = info(client, to, None).await;
        assert!(features(&answer).contains(&"urn:xmpp:pep-vcard-conversion:0"));
    }
}

// §3.1 From PEP to vCard

#[tokio::test]
async fn s3_1_a_picture_that_is_published_openly_is_in_the_vcard_beside_what_was_there() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    set_photo(&juliet, None).await;
    publish_avatar(&juliet, FACE, OPEN).await;
    assert_eq!(photo_of(&romeo, JULIET).await.as_deref(), Some(FACE));
    let vcard = vcard_of(&romeo, JULIET).await;
    assert_eq!(vcard.child(ns::VCARD, "FN").unwrap().text(), "Juliet");
    let kind = vcard.child(ns::VCARD, "PHOTO").unwrap().child(ns::VCARD, "TYPE").unwrap();
    assert_eq!(kind.text(), "image/png");
}

#[tokio::test]
async fn s3_1_who_has_no_vcard_gets_one_for_the_picture_which_goes_with_it() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    publish_avatar(&juliet, FACE, OPEN).await;
    assert_eq!(photo_of(&romeo, JULIET).await.as_deref(), Some(FACE));
    publish_metadata(&juliet, "", "", &[]).await;
    let ask = "<vCard xmlns='vcard-temp'/>";
    assert_eq!(romeo.iq_error("get", JULIET, ask).await, "service-unavailable");
}

#[tokio::test]
async fn s3_1_another_picture_replaces_the_first() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    publish_avatar(&juliet, FACE, OPEN).await;
    publish_avatar(&juliet, HAND, OPEN).await;
    assert_eq!(photo_of(&romeo, JULIET).await.as_deref(), Some(HAND));
    let vcard = vcard_of(&juliet, None).await;
    assert_eq!(vcard.children().filter(|child| child.name() == "PHOTO").count(), 1);
}

#[tokio::test]
async fn s3_1_the_picture_at_the_data_node_is_taken_and_none_elsewhere() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let (face, hand) = (hash(FACE), hash(HAND));
    publish_data(&juliet, &face, &text(FACE), OPEN).await;
    let infos = info_of(&hand, "image/png", "url='https://example.org/hand.png'")
        + &info_of(&hand, "image/gif", "")
        + &info_of(&face, "image/jpeg", "");
    publish_metadata(&juliet, &face, &infos, OPEN).await;
    assert_eq!(photo_of(&juliet, None).await.as_deref(), Some(FACE));
    let vcard = vcard_of(&juliet, None).await;
    let kind = vcard.child(ns::VCARD, "PHOTO").unwrap().child(ns::VCARD, "TYPE").unwrap();
    assert_eq!(kind.text(), "image/jpeg");
}

#[tokio::test]
async fn s3_1_of_several_at_the_data_node_a_png_is_taken() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let (face, hand) = (hash(FACE), hash(HAND));
    let two = [("access_model", "open"), ("max_items", "2")];
    publish_data(&juliet, &hand, &text(HAND), &two).await;
    publish_data(&juliet, &face, &text(FACE), &two).await;
    let infos = info_of(&hand, "image/gif", "") + &info_of(&face, "image/png", "");
    publish_metadata(&juliet, &face, &infos, OPEN).await;
    assert_eq!(photo_of(&juliet, None).await.as_deref(), Some(FACE));
}

#[tokio::test]
async fn s3_1_what_is_not_the_picture_of_that_hash_does_not_get_into_the_vcard() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    publish_avatar(&juliet, FACE, OPEN).await;
    let hand = hash(HAND);
    // Metadata only; then a picture with the hash of another; then none at all; then one elsewhere.
    publish_metadata(&juliet, &hand, &info_of(&hand, "image/png", ""), &[]).await;
    assert_eq!(photo_of(&juliet, None).await.as_deref(), Some(FACE));
    for content in [text(b"another"), "*".to_owned(), String::new()] {
        publish_data(&juliet, &hand, &content, &[]).await;
        publish_metadata(&juliet, &hand, &info_of(&hand, "image/png", ""), &[]).await;
        assert_eq!(photo_of(&juliet, None).await.as_deref(), Some(FACE), "{content}");
    }
    let elsewhere = info_of(&hand, "image/png", "url='https://example.org/hand.png'");
    publish_metadata(&juliet, &hand, &elsewhere, &[]).await;
    assert_eq!(photo_of(&juliet, None).await.as_deref(), Some(FACE));
}

#[tokio::test]
async fn s3_1_a_picture_that_is_too_large_for_the_vcard_is_not_in_it() {
    let cloister = Cloister::with("[limits]\nvcard_bytes = '8 KiB'\n").await;
    let juliet = cloister.online("juliet", "balcony").await;
    publish_avatar(&juliet, FACE, OPEN).await;
    publish_avatar(&juliet, &[7; 8 * 1024], OPEN).await;
    assert_eq!(photo_of(&juliet, None).await.as_deref(), Some(FACE));
}

#[tokio::test]
async fn an_avatar_that_is_disabled_retracted_purged_or_deleted_is_no_photo() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    set_photo(&juliet, None).await;
    for way in 0..4 {
        publish_avatar(&juliet, FACE, OPEN).await;
        assert!(photo_of(&juliet, None).await.is_some());
        let node = ns::AVATAR_METADATA;
        match way {
            0 => publish_metadata(&juliet, "", "", &[]).await,
            1 => is_ok(&retract(&juliet, None, node, &hash(FACE), None).await),
            2 => is_ok(&purge(&juliet, None, node).await),
            _ => {
                is_ok(&delete(&juliet, None, ns::AVATAR_DATA).await);
                is_ok(&delete(&juliet, None, node).await);
            }
        }
        let vcard = vcard_of(&juliet, None).await;
        assert!(!vcard.has_child(ns::VCARD, "PHOTO"), "{way}");
        assert!(vcard.has_child(ns::VCARD, "FN"), "{way}");
    }
}

#[tokio::test]
async fn s7_an_avatar_for_contacts_leaves_the_photo_for_everybody_alone() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    publish_avatar(&juliet, FACE, OPEN).await;
    for node in NODES {
        is_ok(&configure(&juliet, None, node, &[("access_model", "presence")]).await);
    }
    publish_avatar(&juliet, HAND, &[]).await;
    assert_eq!(photo_of(&juliet, None).await.as_deref(), Some(FACE));
    publish_metadata(&juliet, "", "", &[]).await;
    assert_eq!(photo_of(&juliet, None).await.as_deref(), Some(FACE));
    is_ok(&delete(&juliet, None, ns::AVATAR_DATA).await);
    is_ok(&delete(&juliet, None, ns::AVATAR_METADATA).await);
    assert_eq!(photo_of(&juliet, None).await.as_deref(), Some(FACE));
}

// §3.2 From vCard to PEP

#[tokio::test]
async fn s3_2_a_photo_is_published_and_contacts_are_told() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    juliet.iq_ok("set", None, &vcard_with(&photo("image/gif", &text(FACE)))).await;
    let metadata = told_metadata(&romeo).await;
    let told: Vec<_> = metadata.children().collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].attr("id"), Some(&*hash(FACE)));
    assert_eq!(told[0].attr("type"), Some("image/gif"));
    assert_eq!(told[0].attr("bytes"), Some(&*FACE.len().to_string()));
    assert_eq!(avatar_of(&romeo, JULIET).await.as_deref(), Some(FACE));
    for node in NODES {
        let answer = items(&romeo, JULIET, node, "", "").await;
        assert_eq!(ids(inner(&answer, "items")), [hash(FACE)]);
    }
    assert!(events(&romeo).await.is_empty());
}

#[tokio::test]
async fn s3_2_the_vcard_is_stored_as_it_was_set() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    set_photo(&juliet, Some(HAND)).await;
    let lines: Vec<_> = text(FACE).chars().map(|c| format!("{c}\n")).collect();
    let vcard = vcard_with(&photo("image/png", &lines.concat()));
    juliet.iq_ok("set", None, &vcard).await;
    assert_eq!(vcard_of(&juliet, None).await.to_xml(), vcard);
    assert_eq!(avatar_of(&juliet, None).await.as_deref(), Some(FACE));
}

#[tokio::test]
async fn s3_2_nobody_is_told_of_the_same_photo_again() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    set_photo(&juliet, Some(FACE)).await;
    romeo.drain().await;
    juliet.drain().await;
    set_photo(&juliet, Some(FACE)).await;
    romeo.expect_silence().await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn what_was_published_comes_back_in_a_vcard_without_an_event() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    publish_avatar(&juliet, FACE, OPEN).await;
    romeo.drain().await;
    set_photo(&juliet, Some(FACE)).await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn a_change_in_pep_is_one_event_and_one_presence_and_so_is_one_in_the_vcard() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    publish_avatar(&juliet, FACE, OPEN).await;
    assert_eq!(romeo.drain().await.len(), 2);
    publish_avatar(&juliet, HAND, OPEN).await;
    assert_eq!(romeo.drain().await.len(), 2);
    set_photo(&juliet, Some(FACE)).await;
    assert_eq!(romeo.drain().await.len(), 2);
    set_photo(&juliet, None).await;
    assert_eq!(romeo.drain().await.len(), 2);
}

#[tokio::test]
async fn a_photo_that_is_removed_is_disabled_and_cannot_be_fetched_any_more() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    set_photo(&juliet, Some(FACE)).await;
    romeo.drain().await;
    set_photo(&juliet, None).await;
    assert!(told_metadata(&romeo).await.has_no_children());
    let answer = items(&romeo, JULIET, ns::AVATAR_DATA, "", "").await;
    assert!(ids(inner(&answer, "items")).is_empty());
    set_photo(&juliet, Some(FACE)).await;
    juliet.iq_ok("set", None, "<vCard xmlns='vcard-temp'/>").await;
    assert_eq!(avatar_of(&romeo, JULIET).await, None);
}

#[tokio::test]
async fn nodes_that_are_made_for_a_photo_are_open_and_others_stay_as_they_are() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    set_photo(&juliet, Some(FACE)).await;
    for node in NODES {
        assert_eq!(access(&juliet, node).await, "open");
        create_ok(&romeo, None, node, &[("access_model", "whitelist")]).await;
    }
    set_photo(&romeo, Some(HAND)).await;
    assert_eq!(avatar_of(&romeo, None).await.as_deref(), Some(HAND));
    for node in NODES {
        assert_eq!(access(&romeo, node).await, "whitelist");
    }
}

#[tokio::test]
async fn an_avatar_for_contacts_outlives_changes_of_the_vcard_beside_the_photo() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    set_photo(&juliet, Some(FACE)).await;
    for node in NODES {
        is_ok(&configure(&juliet, None, node, &[("access_model", "presence")]).await);
    }
    publish_avatar(&juliet, HAND, &[]).await;
    set_photo(&juliet, Some(FACE)).await;
    assert_eq!(avatar_of(&juliet, None).await.as_deref(), Some(HAND));
    set_photo(&juliet, None).await;
    set_photo(&juliet, None).await;
    assert_eq!(avatar_of(&juliet, None).await.as_deref(), Some(HAND));
}

#[tokio::test]
async fn a_photo_that_is_none_is_stored_and_not_published() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for bad in ["<PHOTO><BINVAL>no*Base64</BINVAL></PHOTO>", "<PHOTO/>", "<PHOTO><BINVAL/></PHOTO>"]
    {
        juliet.iq_ok("set", None, &vcard_with(bad)).await;
        assert!(vcard_of(&juliet, None).await.has_child(ns::VCARD, "PHOTO"));
    }
    for node in NODES {
        assert!(!has_node(&juliet, node).await);
    }
}

#[tokio::test]
async fn a_photo_that_is_too_large_for_an_item_is_stored_and_not_published() {
    let limits = "[limits]\npubsub_item_bytes = '8 KiB'\n";
    let cloister = Cloister::with(limits).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let large = vec![7; 8 * 1024];
    set_photo(&juliet, Some(&large)).await;
    assert_eq!(photo_of(&juliet, None).await, Some(large.clone()));
    assert_eq!(told_photos(&juliet).await, [hash(&large)]);
    for node in NODES {
        assert!(!has_node(&juliet, node).await);
    }
    set_photo(&juliet, Some(FACE)).await;
    assert_eq!(avatar_of(&juliet, None).await.as_deref(), Some(FACE));
}

#[tokio::test]
async fn a_photo_that_is_too_large_for_the_vcard_changes_nothing() {
    let cloister = Cloister::with("[limits]\nstanza_bytes = '1 MiB'\n").await;
    let (juliet, romeo) = lovers(&cloister).await;
    set_photo(&juliet, Some(FACE)).await;
    romeo.drain().await;
    let large = vcard_with(&photo("image/png", &text(&[7; 500_000])));
    assert_eq!(juliet.iq_error("set", None, &large).await, "policy-violation");
    romeo.expect_silence().await;
    assert_eq!(photo_of(&romeo, JULIET).await.as_deref(), Some(FACE));
    assert_eq!(avatar_of(&romeo, JULIET).await.as_deref(), Some(FACE));
}

#[tokio::test]
async fn other_clients_of_the_account_are_told_too() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online_with("juliet/balcony", "balcony", NOTIFY).await;
    let chamber = cloister.online_with("juliet/chamber", "balcony", NOTIFY).await;
    juliet.drain().await;
    chamber.drain().await;
    set_photo(&juliet, Some(FACE)).await;
    for client in [&juliet, &chamber] {
        let came = client.drain().await;
        assert_eq!(came.iter().filter(|stanza| event(stanza).is_some()).count(), 1);
    }
}
