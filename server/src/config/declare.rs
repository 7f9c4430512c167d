//! How an option is declared: once, with name, type, default, bounds and doc.
//!
//! `section!` makes of a declaration the struct, its reader and its description; the reference
//! and the example file are printed from the description (`reference.rs`). A table is an option
//! like any other, so sections nest: `File` itself is one.

/// What there is to know about one table.
pub(super) struct Section {
    pub(super) fields: &'static [Field],
}

/// What there is to know about one option.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) presence: Presence,
    pub(super) bounds: &'static [Bound],
    pub(super) doc: &'static [&'static str],
}

/// What an option holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// One value. `noun` has its article; `sample` is TOML.
    Scalar { noun: &'static str, sample: &'static str },
    /// A list of such values. `noun` and `sample` are those of one of them.
    List { noun: &'static str, sample: &'static str },
    /// `[name]`
    Table(&'static Section),
    /// `[[name]]`
    Tables(&'static Section),
}

impl Kind {
    /// The kind of a list of these.
    pub(super) const fn list(self) -> Self {
        match self {
            Self::Scalar { noun, sample } | Self::List { noun, sample } => {
                Self::List { noun, sample }
            }
            Self::Table(section) | Self::Tables(section) => Self::Tables(section),
        }
    }

    /// The table's options, for the kinds that are tables.
    pub(super) const fn section(self) -> Option<&'static Section> {
        match self {
            Self::Table(section) | Self::Tables(section) => Some(section),
            Self::Scalar { .. } | Self::List { .. } => None,
        }
    }
}

/// What holds when an option is not written. Each variant carries a value as TOML.
#[derive(Clone, Copy)]
pub(super) enum Presence {
    /// This value.
    Default(&'static str),
    /// The configuration is refused. The value is an example.
    Required(&'static str),
    /// Nothing: the option is off. The value is an example.
    Optional(&'static str),
}

impl Presence {
    pub(super) const fn default(value: &'static str) -> Self {
        Self::Default(value)
    }

    pub(super) const fn required(sample: &'static str) -> Self {
        Self::Required(sample)
    }

    pub(super) const fn optional(sample: &'static str) -> Self {
        Self::Optional(sample)
    }

    /// The default or the example.
    pub(super) const fn sample(self) -> &'static str {
        match self {
            Self::Default(text) | Self::Required(text) | Self::Optional(text) => text,
        }
    }
}

/// The least or the most that is allowed, or the least that is advised.
pub(super) struct Bound {
    pub(super) side: Side,
    /// The bound as TOML.
    pub(super) value: &'static str,
    /// A relative clause that gives the reason, or nothing.
    pub(super) why: &'static str,
}

/// Which end of the range a bound is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Least,
    /// Below this there is a warning.
    Advised,
    Most,
}

impl Bound {
    pub(super) const fn least(value: &'static str, why: &'static str) -> Self {
        Self { side: Side::Least, value, why }
    }

    pub(super) const fn advised(value: &'static str, why: &'static str) -> Self {
        Self { side: Side::Advised, value, why }
    }

    pub(super) const fn most(value: &'static str, why: &'static str) -> Self {
        Self { side: Side::Most, value, why }
    }
}

/// Declares a table and its options:
///
/// ```text
/// section! {
///     /// What the table is about.
///     pub struct Limits {
///         /// What the option does.
///         stanza_bytes: Size, default "256 KiB", least "10000 B" "which RFC 6120 asks for";
///     }
/// }
/// ```
///
/// `default VALUE` makes a field of the type itself, `required SAMPLE` and `optional SAMPLE` make
/// one of `Option` of it: `None` is "not written", or for a required one "missing or mistaken",
/// which has then been reported. VALUE and SAMPLE are TOML (one literal, list or table); bounds
/// may carry a reason.
macro_rules! section {
    (@type default $T:ty) => { $T };
    (@type required $T:ty) => { Option<$T> };
    (@type optional $T:ty) => { Option<$T> };
    (@field [$($doc:literal)*] $field:ident $T:ty, $presence:ident $sample:tt
        $($bound:ident $limit:literal [$($why:literal)?])*) => {
        $crate::config::declare::Field {
            name: stringify!($field),
            kind: <$T as $crate::config::value::Value>::KIND,
            presence: $crate::config::declare::Presence::$presence(stringify!($sample)),
            bounds: &[$(
                $crate::config::declare::Bound::$bound(stringify!($limit), concat!($($why)?))
            ),*],
            doc: &[$($doc),*],
        }
    };
    (
        $(#[doc = $about:literal])*
        $vis:vis struct $Name:ident {$(
            $(#[doc = $doc:literal])*
            $field:ident: $T:ty, $presence:ident $sample:tt
            $(, $bound:ident $limit:literal $($why:literal)?)* ;
        )*}
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $Name {$(
            $(#[doc = $doc])*
            pub $field: section!(@type $presence $T),
        )*}

        impl $Name {
            pub(super) const SECTION: $crate::config::declare::Section =
                $crate::config::declare::Section {
                    fields: &[$(
                        section!(@field [$($doc)*] $field $T, $presence $sample
                            $($bound $limit [$($why)?])*)
                    ),*],
                };
        }

        impl $crate::config::value::Value for $Name {
            const KIND: $crate::config::declare::Kind =
                $crate::config::declare::Kind::Table(&Self::SECTION);

            fn read(
                written: &$crate::config::value::Written<'_>,
                report: &mut $crate::config::report::Report<'_>,
            ) -> Option<Self> {
                let table =
                    $crate::config::table::Table::open::<Self>(written, &Self::SECTION, report)?;
                Some(Self {$(
                    $field: {
                        const FIELD: $crate::config::declare::Field =
                            section!(@field [$($doc)*] $field $T, $presence $sample
                                $($bound $limit [$($why)?])*);
                        table.$presence::<$T>(&FIELD, report)
                    },
                )*})
            }
        }
    };
}

/// Declares an option that is one of a few words:
///
/// ```text
/// choice! {
///     /// What is chosen.
///     pub enum LogLevel {
///         /// What this one means.
///         Error "error",
///     }
/// }
/// ```
macro_rules! choice {
    (
        $(#[doc = $about:literal])*
        $vis:vis enum $Name:ident {
            $(#[doc = $first_doc:literal])*
            $First:ident $first:literal,
            $(
                $(#[doc = $doc:literal])*
                $Variant:ident $text:literal,
            )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $Name {
            $(#[doc = $first_doc])*
            $First,
            $( $(#[doc = $doc])* $Variant, )*
        }

        impl $Name {
            /// The word as it is written in the configuration.
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::$First => $first,
                    $( Self::$Variant => $text, )*
                }
            }
        }

        impl $crate::config::value::Text for $Name {
            const NOUN: &'static str =
                concat!("one of `", stringify!($first), "`" $(, ", `", stringify!($text), "`")*);
            const SAMPLE: &'static str = stringify!($first);

            fn from_text(text: &str) -> Result<Self, String> {
                let all = [Self::$First $(, Self::$Variant)*];
                let found = all.iter().find(|choice| choice.as_str() == text);
                found.copied().ok_or_else(|| {
                    $crate::config::value::no_such_choice(text, all.map(Self::as_str).as_slice())
                })
            }
        }
    };
}

pub(super) use {choice, section};
