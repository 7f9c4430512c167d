//! The types that an option can have, and how each is read from TOML.

use std::cmp::Ordering;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use super::credentials::{Credentials, names_one};
use super::declare::Kind;
use super::quantity::{Size, parse_duration, show_duration};
use super::report::Report;
use super::suggest::nearest;
use crate::jid::Domain;

/// A value where it is written. `at` is a byte offset into the file.
pub(super) struct Written<'a> {
    pub(super) key: String,
    pub(super) at: usize,
    pub(super) value: &'a DeValue<'a>,
}

/// A type that an option can have.
pub(super) trait Value: Sized {
    /// What the reference says of it.
    const KIND: Kind;

    /// Reads the value. What is wrong goes to `report`; `None` is answered only after that.
    fn read(written: &Written<'_>, report: &mut Report<'_>) -> Option<Self>;

    /// The order of two values, for types that can have bounds.
    fn compare(&self, _other: &Self) -> Option<Ordering> {
        None
    }

    /// The value as a message should show it, for types that can have bounds.
    fn show(&self) -> String {
        String::new()
    }
}

/// A type that is written as a string.
pub(super) trait Text: Sized {
    /// What it is, with its article.
    const NOUN: &'static str;
    /// An example, as TOML.
    const SAMPLE: &'static str;

    /// Reads the text. The error says what is wrong and what to do.
    fn from_text(text: &str) -> Result<Self, String>;

    /// The same, with what stands for a credential put in place.
    fn expanded(self, _credentials: &Credentials) -> Self {
        self
    }

    /// As `Value::compare`.
    fn compare(&self, _other: &Self) -> Option<Ordering> {
        None
    }

    /// As `Value::show`.
    fn show(&self) -> String {
        String::new()
    }
}

impl<T: Text> Value for T {
    const KIND: Kind = Kind::Scalar { noun: T::NOUN, sample: T::SAMPLE };

    fn read(written: &Written<'_>, report: &mut Report<'_>) -> Option<Self> {
        let DeValue::String(text) = written.value else {
            wrong_type::<Self>(written, report);
            return None;
        };
        let read = T::from_text(text).map(|read| read.expanded(report.credentials()));
        read.map_err(|error| report.mistake(written.at, &written.key, error)).ok()
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        Text::compare(self, other)
    }

    fn show(&self) -> String {
        Text::show(self)
    }
}

impl Value for bool {
    const KIND: Kind = Kind::Scalar { noun: "`true` or `false`", sample: "true" };

    fn read(written: &Written<'_>, report: &mut Report<'_>) -> Option<Self> {
        let DeValue::Boolean(value) = written.value else {
            wrong_type::<Self>(written, report);
            return None;
        };
        Some(*value)
    }
}

/// A value and where it is written, for what can be judged only beside other values or on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct At<T> {
    /// Byte offset into the file.
    pub(super) at: usize,
    /// What is written there.
    pub value: T,
}

impl<T> At<T> {
    /// Whether it stands in the file at all. No value stands at its very beginning: a key does.
    pub(super) fn is_written(&self) -> bool {
        self.at > 0
    }
}

impl<T: Value> Value for At<T> {
    const KIND: Kind = T::KIND;

    fn read(written: &Written<'_>, report: &mut Report<'_>) -> Option<Self> {
        T::read(written, report).map(|value| Self { at: written.at, value })
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        self.value.compare(&other.value)
    }

    fn show(&self) -> String {
        self.value.show()
    }
}

impl<T: Value> Value for Vec<T> {
    const KIND: Kind = T::KIND.list();

    fn read(written: &Written<'_>, report: &mut Report<'_>) -> Option<Self> {
        let DeValue::Array(elements) = written.value else {
            wrong_type::<Self>(written, report);
            return None;
        };
        let read = elements.iter().map(|element| {
            let at = element.span().start;
            let value = element.get_ref();
            T::read(&Written { key: written.key.clone(), at, value }, report)
        });
        // All are read before one that failed makes the list fail.
        let read: Vec<Option<T>> = read.collect();
        read.into_iter().collect()
    }
}

/// Says that the value has another type than `T`.
pub(super) fn wrong_type<T: Value>(written: &Written<'_>, report: &mut Report<'_>) {
    let found = match written.value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let key = &written.key;
    let wanted = match T::KIND {
        Kind::Scalar { noun, sample } => format!("{noun} is wanted, as in {sample}"),
        Kind::List { noun, sample } => format!("a list is wanted, each {noun}, as in [{sample}]"),
        Kind::Table(_) => format!("a table is wanted; write [{key}] in single brackets"),
        Kind::Tables(_) => {
            format!("a list of tables is wanted; write [[{key}]] in double brackets")
        }
    };
    report.mistake(written.at, key, format!("is {found}, but {wanted}"));
}

/// What to say of a word that is none of `known`.
pub(super) fn no_such_choice(text: &str, known: &[&str]) -> String {
    match nearest(text, known.iter().copied()) {
        Some(meant) => format!("there is no \"{text}\"; did you mean \"{meant}\"?"),
        None => format!("there is no \"{text}\"; use one of: {}", known.join(", ")),
    }
}

/// Whole numbers from 0 on.
macro_rules! count {
    ($($T:ty)*) => {$(
        impl Value for $T {
            const KIND: Kind = Kind::Scalar { noun: "a whole number", sample: "10" };

            fn read(written: &Written<'_>, report: &mut Report<'_>) -> Option<Self> {
                let DeValue::Integer(integer) = written.value else {
                    wrong_type::<Self>(written, report);
                    return None;
                };
                let read = <$T>::from_str_radix(integer.as_str(), integer.radix());
                let text = || format!("{integer} is not a number from 0 to {}", <$T>::MAX);
                read.map_err(|_| report.mistake(written.at, &written.key, text())).ok()
            }

            fn compare(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

count!(u16 u32 usize);

impl Text for String {
    const NOUN: &'static str = "a text";
    const SAMPLE: &'static str = "\"text\"";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Text for Size {
    const NOUN: &'static str = "a size";
    const SAMPLE: &'static str = "\"256 KiB\"";

    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Text for Duration {
    const NOUN: &'static str = "a duration";
    const SAMPLE: &'static str = "\"10m\"";

    fn from_text(text: &str) -> Result<Self, String> {
        parse_duration(text)
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    fn show(&self) -> String {
        show_duration(*self)
    }
}

impl Text for Domain {
    const NOUN: &'static str = "a domain";
    const SAMPLE: &'static str = "\"example.org\"";

    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| {
            format!("\"{text}\" is not an XMPP domain: {error}; write the part behind the @ of your addresses")
        })
    }
}

impl Text for PathBuf {
    const NOUN: &'static str = "a path";
    const SAMPLE: &'static str = "\"/var/lib/cloister\"";

    fn from_text(text: &str) -> Result<Self, String> {
        if text.contains("-----BEGIN") {
            return Err("holds PEM text; write it to a file and give the path of that file".into());
        }
        // A service runs in another folder than the operator's shell: nothing to be relative to.
        if !Path::new(text).is_absolute() {
            return Err(format!(
                "\"{text}\" is a relative path; write the whole path, beginning with /"
            ));
        }
        Ok(Self::from(text))
    }
}

/// The path of a file that may be among the credentials of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath(pub(super) PathBuf);

impl Text for FilePath {
    const NOUN: &'static str = "a path of a file";
    const SAMPLE: &'static str = "\"/var/lib/acme/example.org/fullchain.pem\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match names_one(text)? {
            true => Ok(Self(text.into())),
            false => PathBuf::from_text(text).map(Self),
        }
    }

    fn expanded(self, credentials: &Credentials) -> Self {
        Self(credentials.expand(self.0))
    }
}

/// The path of a file that holds a secret. It may be among the credentials of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPath(pub(super) PathBuf);

impl Text for SecretPath {
    const NOUN: &'static str = "a path of a file that holds a secret";
    const SAMPLE: &'static str = "\"/run/secrets/key.pem\"";

    // What is not a path may be the secret, so no message repeats it.
    fn from_text(text: &str) -> Result<Self, String> {
        if text.contains("-----BEGIN") || text.contains('\n') {
            return Err(
                "holds the secret itself; write the secret to a file (mode 0600) and give \
                        the path of that file"
                    .into(),
            );
        }
        if !names_one(text)? && !Path::new(text).is_absolute() {
            return Err(
                "is not a path that begins with /; write the secret to a file (mode 0600) \
                        and give the whole path of that file"
                    .into(),
            );
        }
        Ok(Self(text.into()))
    }

    fn expanded(self, credentials: &Credentials) -> Self {
        Self(credentials.expand(self.0))
    }
}

impl Text for SocketAddr {
    const NOUN: &'static str = "an IP address and port";
    const SAMPLE: &'static str = "\"[::]:5222\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let address: Self = text.parse().map_err(|_| {
            format!("\"{text}\" is not an IP address and port; write it as in \"127.0.0.1:5222\" or \"[::1]:5222\", names are not looked up")
        })?;
        // An IPv6 listener takes IPv6 only, so a mapped address would never hear anybody.
        match address.ip() {
            IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => {
                Err(format!("\"{text}\" is an IPv4 address in the form of IPv6; write it as IPv4"))
            }
            _ => Ok(address),
        }
    }
}
