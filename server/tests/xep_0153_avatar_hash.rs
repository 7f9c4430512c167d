//! XEP-0153: vCard-Based Avatars, of which the server does the part in presence (XEP-0398 §4).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::avatar::{
    OPEN, hash, publish_avatar, publish_metadata, set_photo, told_photo, told_photos,
};
use crate::kit::{Client, Cloister, Managed, Resumption};

const FACE: &[u8] = b"a picture of her face";
const HAND: &[u8] = b"a picture of her hand";
const NOT_READY: &str = "<x xmlns='vcard-temp:x:update'/>";
const NO_PICTURE: &str = "<x xmlns='vcard-temp:x:update'><photo/></x>";
const ANOTHER: &str = "<x xmlns='vcard-temp:x:update'><photo>0123456789abcdef</photo></x>";

async fn lovers(cloister: &Cloister) -> (Client, Client) {
    let mut juliet = cloister.online("juliet/balcony", "balcony").await;
    let mut romeo = cloister.online("romeo/orchard", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    (juliet, romeo)
}

/// The next presence of juliet.
async fn presence(client: &Client) -> Element {
    let is_hers = |stanza: &Element| {
        stanza.is(ns::CLIENT, "presence")
            && stanza.attr("from").is_some_and(|from| from.starts_with("juliet@"))
    };
    client.receive_where("presence", is_hers).await
}

#[tokio::test]
async fn s4_1_presence_has_the_hash_of_the_photo() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    set_photo(&juliet, Some(FACE)).await;
    romeo.drain().await;
    for update in ["", NOT_READY, ANOTHER] {
        juliet.send(format!("<presence><show>away</show>{update}</presence>")).await;
        let presence = presence(&romeo).await;
        assert_eq!(told_photo(&presence), Some(hash(FACE)), "{update}");
        assert!(presence.has_child(ns::CLIENT, "show"));
        assert_eq!(presence.children().filter(|child| child.ns() == ns::VCARD_UPDATE).count(), 1);
    }
}

#[tokio::test]
async fn s4_1_without_a_photo_the_element_is_empty() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for update in ["", NOT_READY, ANOTHER] {
        juliet.send(format!("<presence>{update}</presence>")).await;
        assert_eq!(told_photo(&presence(&romeo).await).as_deref(), Some(""));
    }
}

#[tokio::test]
async fn a_client_that_says_it_has_no_picture_is_not_contradicted() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    set_photo(&juliet, Some(FACE)).await;
    romeo.drain().await;
    juliet.send(format!("<presence>{NO_PICTURE}</presence>")).await;
    assert_eq!(told_photo(&presence(&romeo).await).as_deref(), Some(""));
    set_photo(&juliet, Some(HAND)).await;
    romeo.expect_silence().await;
    juliet.send("<presence/>").await;
    assert_eq!(told_photo(&presence(&romeo).await), Some(hash(HAND)));
}

#[tokio::test]
async fn the_hash_changes_with_the_photo_while_clients_stay_online() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let chamber = cloister.online("juliet/chamber", "balcony").await;
    juliet.send("<presence><status>here</status></presence>").await;
    for client in [&juliet, &chamber, &romeo] {
        client.drain().await;
    }
    set_photo(&chamber, Some(FACE)).await;
    for client in [&juliet, &chamber, &romeo] {
        assert_eq!(told_photos(client).await, [hash(FACE), hash(FACE)]);
    }
    set_photo(&chamber, Some(HAND)).await;
    let came = romeo.drain().await;
    let hers = came.iter().find(|stanza| stanza.attr("from") == Some(juliet.jid())).unwrap();
    assert_eq!(told_photo(hers), Some(hash(HAND)));
    assert_eq!(hers.child(ns::CLIENT, "status").unwrap().text(), "here");
    set_photo(&chamber, None).await;
    assert_eq!(told_photos(&romeo).await, ["", ""]);
    set_photo(&chamber, None).await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn the_hash_changes_with_what_is_published_by_pep() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    publish_avatar(&juliet, FACE, OPEN).await;
    assert_eq!(told_photos(&romeo).await, [hash(FACE)]);
    publish_avatar(&juliet, FACE, OPEN).await;
    assert!(told_photos(&romeo).await.is_empty());
    publish_metadata(&juliet, "", "", OPEN).await;
    assert_eq!(told_photos(&romeo).await, [""]);
}

#[tokio::test]
async fn a_picture_for_contacts_is_not_told_in_presence() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    publish_avatar(&juliet, FACE, &[]).await;
    assert!(told_photos(&romeo).await.is_empty());
}

#[tokio::test]
async fn who_comes_later_sees_the_hash_of_now() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    set_photo(&juliet, Some(FACE)).await;
    romeo.close().await;
    set_photo(&juliet, Some(HAND)).await;
    let romeo = cloister.login("romeo/street", "orchard").await;
    romeo.send("<presence/>").await;
    assert_eq!(told_photo(&presence(&romeo).await), Some(hash(HAND)));
    romeo.send("<presence type='probe' to='juliet@localhost'/>").await;
    assert_eq!(told_photo(&presence(&romeo).await), Some(hash(HAND)));
}

#[tokio::test]
async fn a_client_that_comes_later_has_the_hash_of_now() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for picture in [FACE, HAND] {
        set_photo(&juliet, Some(picture)).await;
        romeo.drain().await;
        let chamber = cloister.online("juliet/chamber", "balcony").await;
        assert_eq!(told_photos(&romeo).await, [hash(picture)]);
        chamber.close().await;
    }
}

#[tokio::test]
async fn the_hash_is_the_same_after_a_restart_and_so_is_its_absence() {
    let cloister = Cloister::start().await;
    let (juliet, _romeo) = lovers(&cloister).await;
    set_photo(&juliet, Some(FACE)).await;
    let cloister = cloister.restart().await;
    let juliet = cloister.login("juliet/balcony", "balcony").await;
    juliet.send("<presence/>").await;
    assert_eq!(told_photo(&presence(&juliet).await), Some(hash(FACE)));
    set_photo(&juliet, None).await;
    let cloister = cloister.restart().await;
    let juliet = cloister.login("juliet/balcony", "balcony").await;
    juliet.send("<presence/>").await;
    assert_eq!(told_photo(&presence(&juliet).await).as_deref(), Some(""));
}

#[tokio::test]
async fn directed_presence_has_the_hash_and_is_not_sent_again() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let tybalt = cloister.online("tybalt", "sword").await;
    set_photo(&juliet, Some(FACE)).await;
    juliet.send(format!("<presence to='{}'/>", tybalt.jid())).await;
    assert_eq!(told_photo(&presence(&tybalt).await), Some(hash(FACE)));
    set_photo(&juliet, Some(HAND)).await;
    tybalt.expect_silence().await;
    juliet.send(format!("<presence to='{}'>{NO_PICTURE}</presence>", tybalt.jid())).await;
    assert_eq!(told_photo(&presence(&tybalt).await).as_deref(), Some(""));
    // What was said to one is no answer for all.
    juliet.drain().await;
    set_photo(&juliet, Some(FACE)).await;
    assert_eq!(told_photos(&juliet).await, [hash(FACE)]);
}

#[tokio::test]
async fn unavailable_presence_tells_nothing() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    set_photo(&juliet, Some(FACE)).await;
    romeo.drain().await;
    juliet.send("<presence type='unavailable'/>").await;
    assert_eq!(told_photo(&presence(&romeo).await), None);
    set_photo(&juliet, Some(HAND)).await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn a_vcard_that_changes_beside_the_photo_changes_no_presence() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    juliet.iq_ok("set", None, "<vCard xmlns='vcard-temp'><FN>J. Capulet</FN></vCard>").await;
    romeo.expect_silence().await;
}

/// Juliet's client is back after a restart of the server, which another client of hers has not seen.
async fn resumed(cloister: Cloister, juliet: &mut Managed) -> (Cloister, Client) {
    juliet.settle().await.unwrap();
    juliet.reset_link();
    cloister.lost(juliet).await;
    let cloister = cloister.restart().await;
    juliet.login.address = cloister.tls_addresses()[0];
    juliet.connect().await.unwrap();
    assert_eq!(juliet.resume().await.unwrap(), Resumption::Resumed);
    let chamber = cloister.online("juliet/chamber", "balcony").await;
    (cloister, chamber)
}

#[tokio::test]
async fn a_session_that_outlives_a_restart_goes_on_telling_the_hash() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    let (_cloister, chamber) = resumed(cloister, &mut juliet).await;
    chamber.drain().await;
    set_photo(&chamber, Some(FACE)).await;
    assert_eq!(told_photos(&chamber).await, [hash(FACE), hash(FACE)]);
}

#[tokio::test]
async fn a_session_that_outlives_a_restart_goes_on_having_no_picture() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    let said = format!("<presence id='p'>{NO_PICTURE}</presence>");
    juliet.send("p", said).await.unwrap();
    juliet.fence().await.unwrap();
    let (_cloister, chamber) = resumed(cloister, &mut juliet).await;
    chamber.drain().await;
    set_photo(&chamber, Some(FACE)).await;
    assert_eq!(told_photos(&chamber).await, [hash(FACE)]);
}
