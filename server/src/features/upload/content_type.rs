//! Which `Content-Type` a file is served with, and whether a browser may show it.
//!
//! Our choices: what a client says of its file is kept without its parameters. What a browser could run, or
//! take for a page, goes out as mere bytes; and only pictures, sound and films of the kinds that browsers show
//! by themselves are shown, all else is offered to be saved. `nosniff` keeps browsers from guessing.

/// Nobody said what it is.
pub const UNKNOWN: &str = "application/octet-stream";

/// The longest name of a type (RFC 6838 §4.2: 127 for each half).
const LONGEST: usize = 255;

/// What browsers show without running anything.
const SHOWN: &[&str] = &[
    "audio/aac",
    "audio/flac",
    "audio/m4a",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/wav",
    "audio/webm",
    "audio/x-m4a",
    "audio/x-wav",
    "image/apng",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/heic",
    "image/heif",
    "image/jpeg",
    "image/jxl",
    "image/png",
    "image/webp",
    "video/3gpp",
    "video/mp4",
    "video/ogg",
    "video/quicktime",
    "video/webm",
    "video/x-matroska",
];

/// What goes out as it was said although it is only saved. Nothing that a page could load as a script, a
/// style, a document or a plugin.
const NAMED: &[&str] = &[
    "application/epub+zip",
    "application/gzip",
    "application/json",
    "application/msword",
    "application/ogg",
    "application/pdf",
    "application/pgp-encrypted",
    "application/pgp-keys",
    "application/vnd.android.package-archive",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.oasis.opendocument.presentation",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/x-7z-compressed",
    "application/x-tar",
    "application/zip",
    "text/calendar",
    "text/csv",
    "text/markdown",
    "text/plain",
    "text/vcard",
    "text/x-vcard",
];

/// RFC 9110 §8.3.1: type and subtype in lower case, without parameters; nothing if it is none.
pub fn essence(text: &str) -> Option<String> {
    let essence = text.split(';').next().unwrap_or_default().trim_matches([' ', '\t']);
    let (kind, subtype) = essence.split_once('/')?;
    let is_type = essence.len() <= LONGEST && is_token(kind) && is_token(subtype);
    is_type.then(|| essence.to_ascii_lowercase())
}

/// What a file of that type is served as.
pub fn served(essence: Option<&str>) -> &'static str {
    let Some(essence) = essence else { return UNKNOWN };
    if essence == "text/plain" {
        // Without this a browser takes the user's language for the encoding.
        return "text/plain; charset=utf-8";
    }
    let of = |list: &'static [&'static str]| list.iter().find(|known| **known == essence);
    of(SHOWN).or_else(|| of(NAMED)).copied().unwrap_or(UNKNOWN)
}

/// Whether a browser shows a file of that type itself, instead of saving it.
pub fn is_shown(essence: Option<&str>) -> bool {
    essence.is_some_and(|essence| SHOWN.contains(&essence))
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_as(text: &str) -> (&'static str, bool) {
        let essence = essence(text);
        (served(essence.as_deref()), is_shown(essence.as_deref()))
    }

    #[test]
    fn pictures_sound_and_films_are_shown_as_what_they_are() {
        for kind in ["image/jpeg", "audio/ogg", "video/mp4"] {
            assert_eq!(shown_as(kind), (kind, true));
        }
        assert_eq!(shown_as("Image/PNG; x=y"), ("image/png", true));
    }

    #[test]
    fn what_a_browser_could_run_goes_out_as_bytes_to_be_saved() {
        for kind in [
            "text/html",
            "TEXT/HTML; charset=utf-8",
            "application/xhtml+xml",
            "image/svg+xml",
            "text/xml",
            "application/xml",
            "application/rss+xml",
            "text/javascript",
            "application/javascript",
            "application/ecmascript",
            "text/css",
            "application/wasm",
            "multipart/related",
            "message/rfc822",
            "text/event-stream",
            "application/x-shockwave-flash",
            "text/cache-manifest",
            "application/manifest+json",
            "text/vtt",
        ] {
            assert_eq!(shown_as(kind), (UNKNOWN, false), "{kind}");
        }
    }

    #[test]
    fn other_files_keep_their_type_and_are_saved() {
        assert_eq!(shown_as("application/pdf"), ("application/pdf", false));
        assert_eq!(shown_as("text/plain"), ("text/plain; charset=utf-8", false));
        assert_eq!(shown_as("text/plain;charset=utf-7"), ("text/plain; charset=utf-8", false));
    }

    #[test]
    fn what_is_no_type_is_unknown() {
        for text in ["", "image", "image/", "/png", "image/png\r\nX: y", "image/p ng", "a/b/c"] {
            assert_eq!(essence(text), None, "{text}");
        }
        assert_eq!(essence(&format!("image/{}", "x".repeat(4096))), None);
        assert_eq!(served(None), UNKNOWN);
        assert_eq!(shown_as("chemical/x-pdb"), (UNKNOWN, false));
    }
}
