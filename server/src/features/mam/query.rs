//! What a client asks of an archive, XEP-0313 §4.
//!
//! RSM's `before` and `after` are ids of the archive (§9), so they become bounds like `before-id`
//! and `after-id`; RSM leaves open what both together mean, and here they mean both. A time is
//! compared as it is shown, to the millisecond: what a client was shown, it finds again.

use std::collections::BTreeSet;

use super::source::{Address, Source};
use crate::archive::{Filter, Item};
use crate::clock::Timestamp;
use crate::features::rsm::{Before, Wanted};
use crate::jid::Jid;
use crate::ns;
use crate::stanza::form::{self, Submitted};
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// Messages in a page that is asked for without a number: some screens full.
const PAGE: usize = 50;

/// The most in any page. A client that wants more asks again.
pub const PAGE_MOST: usize = 250;

/// The longest `queryid`, in bytes: it is repeated in every result.
const ID_MOST: usize = 256;

/// What one query asks for.
#[derive(Clone, Debug)]
pub struct Query {
    /// The client's name for it.
    pub id: Option<String>,
    /// What the archive's index can tell apart.
    pub filter: Filter,
    /// The address that a message has to have, where the index does not know it.
    pub address: Option<Address>,
    /// Only these messages.
    pub ids: Option<BTreeSet<u64>>,
    /// Every id that the client named: without one of them the query fails (§4.1.3, §4.3.2).
    pub named: BTreeSet<u64>,
    /// At most so many messages; zero for their number only.
    pub max: usize,
    /// Which end of what was found the page is taken from.
    pub from: End,
    /// Whether the page lies at an end of the whole set, and not beside some message.
    pub is_at_end: bool,
    /// §4.3.4: whether the page is sent with the newest first.
    pub flip: bool,
}

/// An end of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The oldest.
    Oldest,
    /// The newest.
    Newest,
}

impl Query {
    /// Reads `<query/>`.
    ///
    /// # Errors
    /// `bad-request` for what is malformed, `feature-not-implemented` for what is not known,
    /// `item-not-found` for what can be no id, `policy-violation` for too many ids, `forbidden` for an
    /// address that the one who asks may not know.
    pub fn read(query: &Element, source: &Source) -> Result<Self, StanzaError> {
        let id = query.attr("queryid").map(str::to_owned);
        if id.as_ref().is_some_and(|id| id.len() > ID_MOST) {
            return Err(malformed("The queryid is longer than 256 bytes."));
        }
        // §6.1.4: nodes are those of pubsub archives.
        if query.attr("node").is_some() {
            return Err(Condition::ItemNotFound.into());
        }
        let mut read = Query {
            id,
            filter: Filter::default(),
            address: None,
            ids: None,
            named: BTreeSet::new(),
            max: PAGE,
            from: End::Oldest,
            is_at_end: true,
            flip: query.has_child(ns::MAM, "flip-page"),
        };
        if let Some(form) = Submitted::find(query, ns::MAM)? {
            read.fields(form, source)?;
        }
        read.page(Wanted::read(query)?)?;
        Ok(read)
    }

    /// Whether a message is one of those that are asked for, as far as its ids do not tell. The
    /// index has looked already, unless the message was asked for by its id.
    pub fn takes(&self, item: &Item) -> bool {
        let within = |start: &Option<Timestamp>, end: &Option<Timestamp>| {
            start.is_none_or(|start| start.0 <= item.number)
                && end.is_none_or(|end| item.number <= end.0)
        };
        within(&self.filter.start, &self.filter.end)
            && self.filter.after.is_none_or(|after| after < item.number)
            && self.filter.before.is_none_or(|before| item.number < before)
            && self.address.as_ref().is_none_or(|address| address.is_in(&item.text))
    }

    fn fields(&mut self, form: Submitted<'_>, source: &Source) -> Result<(), StanzaError> {
        let mut seen = BTreeSet::new();
        for (var, values) in form.fields() {
            if !seen.insert(var) {
                return Err(malformed("A field is there twice."));
            }
            if var == "ids" {
                self.set_ids(&values)?;
            } else if let Some(value) = single(values)? {
                self.field(var, &value, source)?;
            } else if !FIELDS.iter().any(|(known, _)| *known == var) {
                return Err(Condition::FeatureNotImplemented.into());
            }
        }
        Ok(())
    }

    fn field(&mut self, var: &str, value: &str, source: &Source) -> Result<(), StanzaError> {
        match var {
            "with" => self.set_with(value, source)?,
            // Shown is the millisecond that has begun: the first one that is shown as no less.
            "start" => self.filter.start = Some(Timestamp(time(value)?.div_ceil(1000) * 1000)),
            "end" => self.filter.end = Some(Timestamp(time(value)? / 1000 * 1000 + 999)),
            "after-id" => self.set_after(value)?,
            "before-id" => self.set_before(value)?,
            // §4.1.4: there are none, whether they are wanted or not.
            "include-groupchat" if ["true", "false", "1", "0"].contains(&value) => {}
            "include-groupchat" => return Err(malformed("include-groupchat is no boolean.")),
            // §4.1.5
            _ => return Err(Condition::FeatureNotImplemented.into()),
        }
        Ok(())
    }

    /// §4.1.1
    fn set_with(&mut self, value: &str, source: &Source) -> Result<(), StanzaError> {
        let with = Jid::parse(value).map_err(|_| malformed("The address of with is none."))?;
        let with = source.with(with)?;
        (self.filter.with, self.address) = (with.party, with.address);
        Ok(())
    }

    fn set_ids(&mut self, values: &[String]) -> Result<(), StanzaError> {
        // Each has to be looked for before anything is answered.
        if values.len() > PAGE_MOST {
            let text = "Ask for no more than 250 messages by their ids at a time.";
            return Err(StanzaError::new(Condition::PolicyViolation).with_text(text));
        }
        let ids = values.iter().map(|id| self.named(id)).collect::<Result<_, _>>()?;
        self.ids = Some(ids);
        Ok(())
    }

    fn set_after(&mut self, id: &str) -> Result<(), StanzaError> {
        let after = self.named(id)?;
        // None is less than every number.
        self.filter.after = self.filter.after.max(Some(after));
        Ok(())
    }

    fn set_before(&mut self, id: &str) -> Result<(), StanzaError> {
        let before = self.named(id)?;
        self.filter.before = Some(self.filter.before.map_or(before, |least| least.min(before)));
        Ok(())
    }

    fn page(&mut self, wanted: Wanted) -> Result<(), StanzaError> {
        if wanted.index.is_some() {
            // XEP-0059 §2.6: to know the position of a message, all before it would be counted.
            return Err(Condition::FeatureNotImplemented.into());
        }
        if let Some(after) = &wanted.after {
            self.set_after(after)?;
            self.is_at_end = false;
        }
        if let Some(Before::Item(id)) = &wanted.before {
            self.set_before(id)?;
            self.is_at_end = false;
        }
        if wanted.before.is_some() {
            self.from = End::Newest;
        }
        self.max = wanted.max.unwrap_or(PAGE).min(PAGE_MOST);
        Ok(())
    }

    /// Notes an id that has to be there.
    fn named(&mut self, id: &str) -> Result<u64, StanzaError> {
        let number = number_of(id).ok_or(Condition::ItemNotFound)?;
        self.named.insert(number);
        Ok(number)
    }
}

/// The fields that a query may have, with their types (§4.1.5).
const FIELDS: [(&str, &str); 7] = [
    ("with", "jid-single"),
    ("start", "text-single"),
    ("end", "text-single"),
    ("before-id", "text-single"),
    ("after-id", "text-single"),
    ("ids", "list-multi"),
    ("include-groupchat", "boolean"),
];

/// §4.1.5: the form that a query may have. In a room all there is is groupchat.
pub fn form(is_room: bool) -> Element {
    let is_offered = |field: &&(&str, &str)| !is_room || field.0 != "include-groupchat";
    let fields = FIELDS.iter().filter(is_offered).map(|(var, kind)| {
        let field = form::field(var, []).with_attr("type", *kind);
        if *kind == "list-multi" { field.with_child(any_value()) } else { field }
    });
    form::to_fill_in(ns::MAM).with_children(fields)
}

/// XEP-0122 §4.2.2: not a choice from a list.
fn any_value() -> Element {
    Element::new(ns::DATA_VALIDATE, "validate")
        .with_attr("datatype", "xs:string")
        .with_child(Element::new(ns::DATA_VALIDATE, "open"))
}

/// The id of a message as clients see it; the same as its XEP-0359 id.
pub fn id_of(number: u64) -> String {
    format!("{number:016x}")
}

/// The number of a message by its id. Only what [`id_of`] writes is one: ids are opaque, and another
/// spelling is another id.
pub fn number_of(id: &str) -> Option<u64> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_id = id.len() == 16 && id.bytes().all(is_digit);
    u64::from_str_radix(id, 16).ok().filter(|_| is_id)
}

/// A field that is left empty says nothing.
fn single(values: Vec<String>) -> Result<Option<String>, StanzaError> {
    let mut values = values.into_iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.filter(|value| !value.is_empty())),
        _ => Err(malformed("A field has several values.")),
    }
}

fn time(value: &str) -> Result<u64, StanzaError> {
    let time = Timestamp::from_rfc3339(value);
    time.map(|time| time.0).ok_or_else(|| malformed("A time is none (XEP-0082)."))
}

fn malformed(text: &'static str) -> StanzaError {
    StanzaError::new(Condition::BadRequest).with_text(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jid::BareJid;
    use bytes::Bytes;

    fn account() -> Source {
        Source::account(BareJid::parse("juliet@localhost").unwrap())
    }

    fn query(fields: &[(&str, &[&str])], page: &[(&'static str, &str)]) -> Element {
        let hidden = form::field("FORM_TYPE", [ns::MAM]);
        let fields = fields.iter().map(|(var, values)| form::field(var, values.iter().copied()));
        let form = Element::new(ns::DATA_FORMS, "x").with_attr("type", "submit");
        let page = page.iter().map(|(name, text)| Element::new(ns::RSM, *name).with_text(text));
        Element::new(ns::MAM, "query")
            .with_child(form.with_child(hidden).with_children(fields))
            .with_child(Element::new(ns::RSM, "set").with_children(page))
    }

    fn read(fields: &[(&str, &[&str])], page: &[(&'static str, &str)]) -> Query {
        Query::read(&query(fields, page), &account()).unwrap()
    }

    fn error(fields: &[(&str, &[&str])], page: &[(&'static str, &str)]) -> Condition {
        Query::read(&query(fields, page), &account()).unwrap_err().condition()
    }

    #[test]
    fn a_query_that_says_nothing_is_for_the_first_fifty() {
        let query = Query::read(&Element::new(ns::MAM, "query"), &account()).unwrap();
        assert_eq!((query.max, query.from, query.flip), (PAGE, End::Oldest, false));
        assert!(query.filter.with.is_none() && query.named.is_empty());
    }

    #[test]
    fn s4_1_1_a_bare_address_is_the_index_and_a_full_one_is_looked_at() {
        let with = |jid| {
            let query = read(&[("with", &[jid])], &[]);
            (
                query.filter.with.map(|with| with.to_string()),
                query.address.map(|address| match address {
                    Address::Party(jid) => jid.to_string(),
                    other => panic!("{other:?} in an account's archive"),
                }),
            )
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(with("romeo@localhost"), (some("romeo@localhost"), None));
        assert_eq!(with("ROMEO@localhost/a"), (some("romeo@localhost"), some("romeo@localhost/a")));
        assert_eq!(with("juliet@localhost"), (some("juliet@localhost"), None));
        assert_eq!(with("juliet@localhost/a"), (None, some("juliet@localhost/a")));
    }

    #[test]
    fn s4_1_2_times_are_compared_as_they_are_shown() {
        let at = "1970-01-01T00:00:01.123Z";
        let query = read(&[("start", &[at]), ("end", &[at])], &[]);
        let takes = |number| query.takes(&Item { number, text: Bytes::new() });
        assert!(!takes(1_122_999) && takes(1_123_000) && takes(1_123_999) && !takes(1_124_000));
        let query = read(&[("start", &["1970-01-01T00:00:01.1231Z"])], &[]);
        assert!(!query.takes(&Item { number: 1_123_500, text: Bytes::new() }));
    }

    #[test]
    fn ids_and_pages_bound_the_same_set() {
        let (low, high) = (id_of(5), id_of(9));
        let fields: &[(&str, &[&str])] = &[("after-id", &[&low]), ("before-id", &[&high])];
        let query = read(fields, &[("after", &id_of(7)), ("before", &id_of(8))]);
        assert_eq!((query.filter.after, query.filter.before), (Some(7), Some(8)));
        assert_eq!(query.named, BTreeSet::from([5, 7, 8, 9]));
        assert_eq!(query.from, End::Newest);
        assert_eq!(read(fields, &[("before", "")]).filter.before, Some(9));
    }

    #[test]
    fn what_can_be_no_id_is_not_found() {
        for id in ["x", "0", "00000000000000FF", "+00000000000000f", "000000000000000ff"] {
            assert_eq!(error(&[("after-id", &[id])], &[]), Condition::ItemNotFound, "{id}");
            assert_eq!(error(&[("ids", &[id])], &[]), Condition::ItemNotFound, "{id}");
            assert_eq!(error(&[], &[("after", id)]), Condition::ItemNotFound, "{id}");
            assert_eq!(error(&[], &[("before", id)]), Condition::ItemNotFound, "{id}");
        }
        assert_eq!(number_of(&id_of(u64::MAX)), Some(u64::MAX));
    }

    #[test]
    fn what_is_malformed_is_a_bad_request() {
        let two: &[&str] = &["romeo@localhost", "nurse@localhost"];
        let wrong: &[&[(&str, &[&str])]] = &[
            &[("with", &["@"])],
            &[("with", two)],
            &[("with", &["a@b"]), ("with", &["c@d"])],
            &[("start", &["yesterday"])],
            &[("end", &["2026-13-01T00:00:00Z"])],
            &[("include-groupchat", &["perhaps"])],
        ];
        for fields in wrong {
            assert_eq!(error(fields, &[]), Condition::BadRequest, "{fields:?}");
        }
        assert_eq!(error(&[], &[("max", "-1")]), Condition::BadRequest);
        let long = Element::new(ns::MAM, "query").with_attr("queryid", "x".repeat(ID_MOST + 1));
        let error = Query::read(&long, &account()).unwrap_err();
        assert_eq!(error.condition(), Condition::BadRequest);
    }

    #[test]
    fn s4_1_5_unknown_fields_are_not_implemented() {
        assert_eq!(error(&[("mood", &["happy"])], &[]), Condition::FeatureNotImplemented);
        assert_eq!(error(&[("mood", &[])], &[]), Condition::FeatureNotImplemented);
        assert_eq!(error(&[], &[("index", "3")]), Condition::FeatureNotImplemented);
    }

    #[test]
    fn fields_that_are_left_empty_say_nothing() {
        let query = read(&[("with", &[]), ("start", &[""])], &[]);
        assert!(query.filter.with.is_none() && query.filter.start.is_none());
    }

    #[test]
    fn what_is_asked_for_is_bounded() {
        assert_eq!(read(&[], &[("max", "1000000")]).max, PAGE_MOST);
        assert_eq!(read(&[], &[("max", "0")]).max, 0);
        let ids: Vec<_> = (0..1 + PAGE_MOST as u64).map(id_of).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        assert_eq!(error(&[("ids", &ids)], &[]), Condition::PolicyViolation);
        assert_eq!(read(&[("ids", &ids[1..])], &[]).named.len(), PAGE_MOST);
    }

    #[test]
    fn s4_1_5_the_form_has_the_fields_that_are_understood() {
        let form = form(false);
        let fields = form.children().filter_map(|field| field.attr("var"));
        let known = FIELDS.iter().map(|(var, _)| *var);
        assert!(fields.eq(["FORM_TYPE"].into_iter().chain(known)));
        assert!(form.children().all(|field| !field.has_child(ns::DATA_FORMS, "required")));
        let of_room = super::form(true);
        assert_eq!(of_room.children().count(), FIELDS.len());
    }
}
