//! Pictures of accounts, as PEP (XEP-0084) and as the photo of a vCard (XEP-0153).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloister::ns;
use cloister::xml::Element;

use super::Client;
use super::pubsub::{inner, is_ok, items, publish_with};

/// The options of a client that shows its picture to everybody.
pub const OPEN: &[(&str, &str)] = &[("access_model", "open")];

/// The features of a client that wants to be told of pictures.
pub const NOTIFY: &[&str] = &["urn:xmpp:avatar:metadata+notify"];

/// The Base64 of a picture.
pub fn text(picture: &[u8]) -> String {
    STANDARD.encode(picture)
}

/// The SHA-1 of a picture in hexadecimal digits.
pub fn hash(picture: &[u8]) -> String {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, picture);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An item of the data node under any id.
pub fn data_item(id: &str, text: &str) -> String {
    format!("<item id='{id}'><data xmlns='{}'>{text}</data></item>", ns::AVATAR_DATA)
}

/// An item of the metadata node with these `<info/>`s.
pub fn metadata_item(id: &str, infos: &str) -> String {
    format!("<item id='{id}'><metadata xmlns='{}'>{infos}</metadata></item>", ns::AVATAR_METADATA)
}

/// What metadata say of a picture at the data node.
pub fn info_of(id: &str, kind: &str, more: &str) -> String {
    format!("<info bytes='1' id='{id}' type='{kind}' {more}/>")
}

/// Publishes an item of the data node, and it must work.
pub async fn publish_data(client: &Client, id: &str, text: &str, options: &[(&str, &str)]) {
    let item = data_item(id, text);
    is_ok(&publish_with(client, None, ns::AVATAR_DATA, &item, options).await);
}

/// Publishes an item of the metadata node, and it must work.
pub async fn publish_metadata(client: &Client, id: &str, infos: &str, options: &[(&str, &str)]) {
    let item = metadata_item(id, infos);
    is_ok(&publish_with(client, None, ns::AVATAR_METADATA, &item, options).await);
}

/// Publishes a picture, data first.
pub async fn publish_avatar(client: &Client, picture: &[u8], options: &[(&str, &str)]) {
    let id = hash(picture);
    publish_data(client, &id, &text(picture), options).await;
    publish_metadata(client, &id, &info_of(&id, "image/png", ""), options).await;
}

/// A vCard with a name, and with a picture perhaps.
pub fn vcard_with(photo: &str) -> String {
    format!("<vCard xmlns='vcard-temp'><FN>Juliet</FN>{photo}</vCard>")
}

/// The photo of a vCard.
pub fn photo(kind: &str, text: &str) -> String {
    format!("<PHOTO><TYPE>{kind}</TYPE><BINVAL>{text}</BINVAL></PHOTO>")
}

/// Sets a vCard with that picture, or with none.
pub async fn set_photo(client: &Client, picture: Option<&[u8]>) {
    let photo = picture.map(|picture| photo("image/png", &text(picture))).unwrap_or_default();
    client.iq_ok("set", None, &vcard_with(&photo)).await;
}

/// A vCard; empty if there is none.
pub async fn vcard_of(client: &Client, to: Option<&str>) -> Element {
    let answer = client.iq("get", to, "<vCard xmlns='vcard-temp'/>").await;
    let vcard = answer.child(ns::VCARD, "vCard").cloned();
    vcard.unwrap_or_else(|| Element::new(ns::VCARD, "vCard"))
}

/// The picture in a vCard.
pub async fn photo_of(client: &Client, to: Option<&str>) -> Option<Vec<u8>> {
    let vcard = vcard_of(client, to).await;
    let text = vcard.child(ns::VCARD, "PHOTO")?.child(ns::VCARD, "BINVAL")?.text().into_owned();
    Some(STANDARD.decode(text).unwrap())
}

/// The picture that an account publishes by PEP: the one its metadata name.
pub async fn avatar_of(client: &Client, to: Option<&str>) -> Option<Vec<u8>> {
    let answer = items(client, to, ns::AVATAR_METADATA, "", "").await;
    if answer.attr("type") != Some("result") {
        return None;
    }
    let items_of = inner(&answer, "items");
    let metadata = items_of.children().next()?.child(ns::AVATAR_METADATA, "metadata")?;
    let id = metadata.child(ns::AVATAR_METADATA, "info")?.attr("id")?;
    let answer = items(client, to, ns::AVATAR_DATA, "", &format!("<item id='{id}'/>")).await;
    is_ok(&answer);
    let item = inner(&answer, "items").children().next()?;
    let text = item.child(ns::AVATAR_DATA, "data").unwrap().text().into_owned();
    Some(STANDARD.decode(text).unwrap())
}

/// The content of `<photo/>` in a presence, if there is one.
pub fn told_photo(presence: &Element) -> Option<String> {
    let update = presence.child(ns::VCARD_UPDATE, "x")?;
    Some(update.child(ns::VCARD_UPDATE, "photo")?.text().into_owned())
}

/// What each available presence that has come tells of the picture, in order; all else is swallowed.
pub async fn told_photos(client: &Client) -> Vec<String> {
    let mut came = client.drain().await;
    came.retain(|stanza| stanza.is(ns::CLIENT, "presence") && stanza.attr("type").is_none());
    came.iter().map(|presence| told_photo(presence).unwrap_or_else(|| "nothing".into())).collect()
}
