//! The XML declaration before a stream header (RFC 6120 §11.5, XML §2.8).

use super::XmlError;
use super::chars;
use super::tag::RawAttributes;

/// Checks `<?xml … ?>`, delimiters included.
///
/// # Errors
/// `UnsupportedEncoding` when it names another encoding, `NotWellFormed` when it is none.
pub(super) fn check(declaration: &[u8]) -> Result<(), XmlError> {
    let inside = chars::text(declaration)?
        .strip_prefix("<?xml")
        .and_then(|rest| rest.strip_suffix("?>"))
        .ok_or(XmlError::NotWellFormed)?;
    let mut seen = None;
    for attribute in RawAttributes::new(inside) {
        let (name, value) = attribute?;
        let part = Part::named(name).ok_or(XmlError::NotWellFormed)?;
        // Version first, then at most one each of the others, in this order.
        if seen.map_or(part != Part::Version, |last| last >= part) {
            return Err(XmlError::NotWellFormed);
        }
        part.check(value)?;
        seen = Some(part);
    }
    seen.map(|_| ()).ok_or(XmlError::NotWellFormed)
}

/// A declaration's parts, in the order that XML §2.8 prescribes.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Part {
    Version,
    Encoding,
    Standalone,
}

impl Part {
    fn named(name: &str) -> Option<Self> {
        match name {
            "version" => Some(Self::Version),
            "encoding" => Some(Self::Encoding),
            "standalone" => Some(Self::Standalone),
            _ => None,
        }
    }

    fn check(self, value: &str) -> Result<(), XmlError> {
        match self {
            Self::Version if is_version_1(value) => Ok(()),
            // RFC 6120 §11.6.
            Self::Encoding if value.eq_ignore_ascii_case("utf-8") => Ok(()),
            Self::Encoding => Err(XmlError::UnsupportedEncoding),
            // RFC 6120 §11.5: may be ignored. So it is.
            Self::Standalone if matches!(value, "yes" | "no") => Ok(()),
            Self::Version | Self::Standalone => Err(XmlError::NotWellFormed),
        }
    }
}

/// XML §2.8, fifth edition: a 1.0 processor takes any 1.x for 1.0.
fn is_version_1(value: &str) -> bool {
    value
        .strip_prefix("1.")
        .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_8_in_any_case_or_not_named_is_accepted() {
        for fine in [
            "<?xml version='1.0'?>",
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
            "<?xml version='1.0' encoding='UTF-8' standalone='no' ?>",
        ] {
            assert_eq!(check(fine.as_bytes()), Ok(()), "{fine}");
        }
    }

    #[test]
    fn another_encoding_is_unsupported() {
        for bad in ["UTF-16", "iso-8859-1", "utf8", ""] {
            let declaration = format!("<?xml version='1.0' encoding='{bad}'?>");
            assert_eq!(check(declaration.as_bytes()), Err(XmlError::UnsupportedEncoding));
        }
    }

    #[test]
    fn what_is_no_declaration_is_not_well_formed() {
        for bad in [
            "<?xml ?>",
            "<?xml encoding='utf-8'?>",
            "<?xml encoding='utf-8' version='1.0'?>",
            "<?xml version='1.0' version='1.0'?>",
            "<?xml version='2.0'?>",
            "<?xml version='1.0' standalone='maybe'?>",
            "<?xml version='1.0' x='y'?>",
            "<?xml version=1.0?>",
            "<?xml version='1.0'>",
        ] {
            assert_eq!(check(bad.as_bytes()), Err(XmlError::NotWellFormed), "{bad}");
        }
    }
}
