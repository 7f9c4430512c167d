//! XEP-0486: MUC Avatars.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::avatar::{hash, text};
use crate::kit::rooms::{
    OPEN, ROOM, SERVICE, closed, codes, create_room, error, error_of, open, undisturbed, values,
};
use crate::kit::rooms_admin::{four, has_feature, room_info, witch};
use crate::kit::{Client, Cloister, element};

const ASK: &str = "<vCard xmlns='vcard-temp'/>";
const HASH: &str = "muc#roominfo_avatarhash";

/// A vCard with these pictures.
fn card(pictures: &[(&str, &[u8])]) -> String {
    let photo = |(kind, bytes): &(&str, &[u8])| {
        format!("<PHOTO><TYPE>{kind}</TYPE><BINVAL>{}</BINVAL></PHOTO>", text(bytes))
    };
    let photos: String = pictures.iter().map(photo).collect();
    format!("<vCard xmlns='vcard-temp'>{photos}</vCard>")
}

/// The hashes that the room announces.
async fn hashes(client: &Client) -> Vec<String> {
    let info = room_info(client, ROOM).await;
    match info.child(ns::DATA_FORMS, "x") {
        Some(_) => values(&info, HASH).unwrap_or_default(),
        None => Vec::new(),
    }
}

async fn vcard(client: &Client) -> Element {
    let answer = client.iq_ok("get", Some(ROOM), ASK).await;
    answer.child(ns::VCARD, "vCard").expect("a vCard").clone()
}

#[tokio::test]
async fn s3_1_service_and_room_say_that_they_can() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for to in [SERVICE, ROOM] {
        assert!(has_feature(&room_info(&four.guest, to).await, "vcard-temp"), "{to}");
    }
}

#[tokio::test]
async fn s3_2_the_owner_sets_a_picture_and_everybody_is_told() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let picture = card(&[("image/png", b"a picture")]);
    four.owner.iq_ok("set", Some(ROOM), &picture).await;
    for came in four.told().await {
        assert_eq!(came.len(), 1, "{}", crate::kit::rooms_admin::text(&came));
        assert_eq!(codes(&came[0]), [104]);
    }
    for client in four.all() {
        assert_eq!(hashes(client).await, [hash(b"a picture")]);
        assert_eq!(vcard(client).await, element(&picture));
    }
}

#[tokio::test]
async fn s3_2_another_picture_takes_its_place() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for bytes in [&b"one"[..], b"two"] {
        four.owner.iq_ok("set", Some(ROOM), &card(&[("image/png", bytes)])).await;
    }
    assert_eq!(hashes(&four.guest).await, [hash(b"two")]);
}

#[tokio::test]
async fn s5_1_several_forms_of_a_picture_have_several_hashes() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let both = card(&[("image/svg+xml", b"drawing"), ("image/png", b"picture")]);
    four.owner.iq_ok("set", Some(ROOM), &both).await;
    let mut expected = [hash(b"drawing"), hash(b"picture")];
    let mut found = hashes(&four.guest).await;
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn s3_2_an_empty_vcard_takes_the_picture_away_and_everybody_is_told() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    four.owner.iq_ok("set", Some(ROOM), &card(&[("image/png", b"a picture")])).await;
    four.told().await;
    four.owner.iq_ok("set", Some(ROOM), ASK).await;
    for came in four.told().await {
        assert!(came.iter().any(|stanza| codes(stanza).contains(&104)));
    }
    assert!(hashes(&four.guest).await.is_empty());
}

#[tokio::test]
async fn s4_a_room_without_a_picture_announces_none() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let info = room_info(&four.guest, ROOM).await;
    assert!(info.child(ns::DATA_FORMS, "x").is_none() || values(&info, HASH).is_none());
}

#[tokio::test]
async fn s3_2_others_are_forbidden_to_and_the_picture_stays() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    four.owner.iq_ok("set", Some(ROOM), &card(&[("image/png", b"a picture")])).await;
    four.told().await;
    let stranger = witch(&cloister, "stranger").await;
    for client in [&four.member, &four.guest, &stranger] {
        for other in [&*card(&[("image/png", b"another")]), ASK] {
            let answer = client.iq("set", Some(ROOM), other).await;
            assert_eq!(error_of(&answer), error("forbidden", "auth"), "{}", client.jid());
        }
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
    assert_eq!(hashes(&four.guest).await, [hash(b"a picture")]);
}

#[tokio::test]
async fn s3_3_who_is_not_there_reads_the_picture_of_an_open_room() {
    let cloister = open().await;
    let four = four(&cloister, &[("publicroom", "1")]).await;
    let picture = card(&[("image/png", b"a picture")]);
    four.owner.iq_ok("set", Some(ROOM), &picture).await;
    let stranger = witch(&cloister, "stranger").await;
    assert_eq!(hashes(&stranger).await, [hash(b"a picture")]);
    assert_eq!(vcard(&stranger).await, element(&picture));
}

#[tokio::test]
async fn s3_2_a_room_that_is_not_there_has_no_picture() {
    let cloister = open().await;
    let stranger = witch(&cloister, "stranger").await;
    for (kind, payload) in [("get", ASK.to_owned()), ("set", card(&[("image/png", b"x")]))] {
        let condition = stranger.iq_error(kind, Some(ROOM), &payload).await;
        assert!(["item-not-found", "service-unavailable"].contains(&&*condition), "{condition}");
    }
}

#[tokio::test]
async fn s3_2_a_picture_outlives_a_restart_and_goes_with_the_room() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[]).await;
    let picture = card(&[("image/png", b"a picture")]);
    owner.iq_ok("set", Some(ROOM), &picture).await;
    let cloister = cloister.restart().await;
    let owner = witch(&cloister, "owner").await;
    assert_eq!(hashes(&owner).await, [hash(b"a picture")]);
    assert_eq!(vcard(&owner).await, element(&picture));
    crate::kit::rooms_admin::destroy(&owner, ROOM, "", "").await;
    create_room(&owner, ROOM, "owner", &[]).await;
    assert!(hashes(&owner).await.is_empty());
    assert!(!vcard(&owner).await.to_xml().contains("PHOTO"));
}

#[tokio::test]
async fn s5_2_the_room_sends_no_presence_of_its_own() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    four.owner.iq_ok("set", Some(ROOM), &card(&[("image/png", b"a picture")])).await;
    four.told().await;
    let late = witch(&cloister, "late").await;
    let entered = crate::kit::rooms::enter(&late, ROOM, "late").await;
    assert_eq!(entered.others.len(), 4);
}

#[tokio::test]
async fn s6_who_is_banned_learns_nothing() {
    let cloister = open().await;
    let four = four(&cloister, &[("publicroom", "1")]).await;
    four.owner.iq_ok("set", Some(ROOM), &card(&[("image/png", b"a picture")])).await;
    let banned = witch(&cloister, "banned").await;
    crate::kit::rooms::affiliate(&four.owner, ROOM, banned.bare(), "outcast").await;
    banned.drain().await;
    assert_eq!(error_of(&banned.iq("get", Some(ROOM), ASK).await), error("forbidden", "auth"));
}

#[tokio::test]
async fn a_picture_is_bounded_and_what_is_refused_changes_nothing() {
    let cloister = Cloister::with(&format!("[limits]\nvcard_bytes = '8 KiB'\n{OPEN}")).await;
    let four = four(&cloister, &[]).await;
    let picture = card(&[("image/png", b"a picture")]);
    four.owner.iq_ok("set", Some(ROOM), &picture).await;
    four.told().await;
    let large = card(&[("image/png", &[7; 8000][..])]);
    let many = card(&[("image/png", &b"x"[..]); 9]);
    for refused in [large, many] {
        let condition = four.owner.iq_error("set", Some(ROOM), &refused).await;
        assert_eq!(condition, "policy-violation");
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
    assert_eq!(vcard(&four.guest).await, element(&picture));
}
