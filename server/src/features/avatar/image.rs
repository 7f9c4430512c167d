//! A picture: as the photo of a vCard, as the item of XEP-0084's data node, and what its metadata
//! say of it. Nothing looks into the picture but for its type, where nobody says it.

use std::fmt;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ns;
use crate::xml::Element;

/// XEP-0084 §4.2.1: the SHA-1 of a picture. It names the picture and protects nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hash([u8; 20]);

impl Hash {
    fn of(image: &[u8]) -> Option<Self> {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, image).as_ref().try_into().ok().map(Hash)
    }

    /// Whether an id names it. XEP-0153 §3.1: upper case is taken as well.
    pub(super) fn is(&self, id: &str) -> bool {
        id.eq_ignore_ascii_case(&self.to_string())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    /// Base64 without white space.
    text: String,
    kind: String,
    bytes: usize,
    hash: Hash,
}

impl Image {
    /// The photo of a vCard; nothing if there is none that could be published: a link, or what is no
    /// Base64.
    pub(super) fn of_vcard(vcard: &Element) -> Option<Self> {
        let mut photos = vcard.children().filter(|child| child.is(ns::VCARD, "PHOTO"));
        let photo = photos.find(|photo| photo.has_child(ns::VCARD, "BINVAL"))?;
        let kind = photo.child(ns::VCARD, "TYPE").map(Element::text);
        Image::read(photo.child(ns::VCARD, "BINVAL")?, kind.as_deref())
    }

    /// The payload of the data node, of the type that its metadata say.
    pub(super) fn of_data(data: &Element, kind: Option<&str>) -> Option<Self> {
        data.is(ns::AVATAR_DATA, "data").then_some(())?;
        Image::read(data, kind)
    }

    fn read(element: &Element, kind: Option<&str>) -> Option<Self> {
        // XEP-0153 §4.6, XEP-0084 §4.1: white space between the lines does not count.
        let mut text = element.text().into_owned();
        text.retain(|c| !c.is_ascii_whitespace());
        let image = STANDARD.decode(&text).ok().filter(|image| !image.is_empty())?;
        // XEP-0398 §3.2: the type that the vCard says.
        let kind = kind.map(str::trim).filter(|kind| kind.starts_with("image/"));
        let kind = kind.unwrap_or_else(|| sniff(&image)).to_owned();
        Some(Image { text, kind, bytes: image.len(), hash: Hash::of(&image)? })
    }

    /// Its name.
    pub(super) fn hash(&self) -> Hash {
        self.hash
    }

    /// As the payload of the data node.
    pub(super) fn data(&self) -> Element {
        Element::new(ns::AVATAR_DATA, "data").with_text(&self.text)
    }

    /// As the payload of the metadata node: available there and nowhere else.
    pub(super) fn metadata(&self) -> Element {
        let info = Element::new(ns::AVATAR_METADATA, "info")
            .with_attr("bytes", self.bytes.to_string())
            .with_attr("id", self.hash.to_string())
            .with_attr("type", self.kind.as_str());
        no_metadata().with_child(info)
    }

    /// As a part of a vCard.
    pub(super) fn photo(&self) -> Element {
        let child = |name, text: &str| Element::new(ns::VCARD, name).with_text(text);
        Element::new(ns::VCARD, "PHOTO")
            .with_child(child("TYPE", &self.kind))
            .with_child(child("BINVAL", &self.text))
    }
}

/// The names of all photos of a vCard.
pub(crate) fn hashes(vcard: &Element) -> Vec<String> {
    let photos = vcard.children().filter(|child| child.is(ns::VCARD, "PHOTO"));
    let pictures = photos.filter_map(|photo| photo.child(ns::VCARD, "BINVAL"));
    let images = pictures.filter_map(|picture| Image::read(picture, None));
    images.map(|image| image.hash().to_string()).collect()
}

/// XEP-0084 §3.5: that there is no avatar.
pub(super) fn no_metadata() -> Element {
    Element::new(ns::AVATAR_METADATA, "metadata")
}

/// What metadata say of pictures that are at the data node; those at addresses elsewhere do not count.
pub(super) fn infos(metadata: &Element) -> impl Iterator<Item = &Element> {
    let infos = metadata.children().filter(|child| child.is(ns::AVATAR_METADATA, "info"));
    infos.filter(|info| info.attr("url").is_none())
}

/// Whether metadata say that there is an avatar, wherever it is.
pub(super) fn is_avatar(metadata: &Element) -> bool {
    metadata.has_child(ns::AVATAR_METADATA, "info")
        || metadata.has_child(ns::AVATAR_METADATA, "pointer")
}

/// Whether metadata name that picture.
pub(super) fn names(metadata: &Element, hash: Hash) -> bool {
    infos(metadata).any(|info| info.attr("id").is_some_and(|id| hash.is(id)))
}

/// The type of a picture by how it begins; PNG, which everybody has to know, if that tells nothing.
fn sniff(image: &[u8]) -> &'static str {
    match image {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => "image/png",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Parser;

    fn of_vcard(photo: &str) -> Option<Image> {
        let xml = format!("<vCard xmlns='vcard-temp'>{photo}</vCard>");
        Image::of_vcard(&Parser::new().parse(xml.as_bytes()).unwrap())
    }

    fn photo(binval: &str) -> Option<Image> {
        of_vcard(&format!("<PHOTO><TYPE>image/gif</TYPE><BINVAL>{binval}</BINVAL></PHOTO>"))
    }

    #[test]
    fn a_picture_is_named_by_its_bytes_and_not_by_its_text() {
        // RFC 3174 §7.3, TEST1
        let image = photo("YWJj").unwrap();
        assert_eq!(image.hash().to_string(), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(image.hash().is("A9993E364706816ABA3E25717850C26C9CD0D89D"));
        assert_eq!(photo("\n YW\r\n\tJj "), Some(image));
    }

    #[test]
    fn a_picture_is_the_same_as_photo_and_as_item() {
        let image = photo("YWJj").unwrap();
        assert_eq!(Image::of_data(&image.data(), Some("image/gif")), Some(image.clone()));
        let vcard = Element::new(ns::VCARD, "vCard").with_child(image.photo());
        assert_eq!(Image::of_vcard(&vcard), Some(image.clone()));
        assert!(names(&image.metadata(), image.hash()));
    }

    #[test]
    fn what_is_no_picture_is_none() {
        for photo in
            ["", "<PHOTO/>", "<PHOTO><BINVAL/></PHOTO>", "<PHOTO><BINVAL>*</BINVAL></PHOTO>"]
        {
            assert_eq!(of_vcard(photo), None, "{photo}");
        }
        assert_eq!(of_vcard("<PHOTO><EXTVAL>https://example.org/</EXTVAL></PHOTO>"), None);
        assert_eq!(of_vcard("<LOGO><BINVAL>YWJj</BINVAL></LOGO>"), None);
    }

    #[test]
    fn a_type_that_is_missing_or_none_is_found_out() {
        let jpeg = STANDARD.encode([0xff, 0xd8, 0xff, 0xe0]);
        for kind in ["", "<TYPE/>", "<TYPE>text/html</TYPE>"] {
            let image = of_vcard(&format!("<PHOTO>{kind}<BINVAL>{jpeg}</BINVAL></PHOTO>")).unwrap();
            assert_eq!(image.kind, "image/jpeg", "{kind}");
        }
        assert_eq!(photo(&jpeg).unwrap().kind, "image/gif");
    }
}
