//! Which part of a file is asked for, and on which conditions (RFC 9110 §13, §14).

use axum::http::{HeaderMap, HeaderName, header};

/// What a request for a file is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All of it: 200.
    Whole,
    /// The bytes from the first to the last, both included: 206.
    Part(u64, u64),
    /// There are no such bytes: 416.
    Unsatisfiable,
    /// The client has it: 304.
    NotModified,
    /// It is not the file that the client means: 412.
    Failed,
}

/// Judges the headers of a request for a file of that size, in the order of RFC 9110 §13.2.2.
/// `is_get` is whether ranges count.
pub fn judge(headers: &HeaderMap, etag: &str, size: u64, is_get: bool) -> Answer {
    if fails(headers, &header::IF_MATCH, |tags| matches(tags, etag, is_same)) {
        return Answer::Failed;
    }
    if fails(headers, &header::IF_NONE_MATCH, |tags| !matches(tags, etag, is_weakly_same)) {
        return Answer::NotModified;
    }
    // §14.2: ranges are defined for GET alone.
    let range = is_get.then(|| single(headers, &header::RANGE)).flatten();
    // §13.1.5: without a strong match the whole file is sent. A date is none: there is no Last-Modified.
    let is_meant = match headers.contains_key(header::IF_RANGE) {
        true => single(headers, &header::IF_RANGE) == Some(etag),
        false => true,
    };
    range.filter(|_| is_meant).map_or(Answer::Whole, |range| part(range, size))
}

/// Whether a precondition is there and does not hold.
fn fails(headers: &HeaderMap, name: &HeaderName, holds: impl Fn(&str) -> bool) -> bool {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    headers.contains_key(name)
        && match name == header::IF_NONE_MATCH {
            // All lines together are one list.
            true => !values.all(holds),
            false => !values.any(holds),
        }
}

/// Whether an entity tag is in a list of them, or the list is `*`.
fn matches(list: &str, etag: &str, is_same: fn(&str, &str) -> bool) -> bool {
    list.trim() == "*" || list.split(',').any(|tag| is_same(tag.trim(), etag))
}

/// §8.8.3.2: strong comparison; ours are strong.
fn is_same(tag: &str, etag: &str) -> bool {
    tag == etag
}

fn is_weakly_same(tag: &str, etag: &str) -> bool {
    tag.strip_prefix("W/").unwrap_or(tag) == etag
}

/// The value of a header that is there once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok().map(str::trim)
}

/// §14.1.2. What is no range of bytes, or is several (§14.2: a server MAY ignore them), is the whole.
fn part(range: &str, size: u64) -> Answer {
    let Some((unit, set)) = range.split_once('=') else { return Answer::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Answer::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else { return Answer::Whole };
    let end = size.saturating_sub(1);
    match (number(first), number(last)) {
        (Bound::At(first), _) if first >= size => match number(last) {
            Bound::At(last) if last < first => Answer::Whole,
            Bound::Wrong => Answer::Whole,
            _ => Answer::Unsatisfiable,
        },
        (Bound::At(first), Bound::At(last)) if first <= last => Answer::Part(first, last.min(end)),
        (Bound::At(first), Bound::Missing) => Answer::Part(first, end),
        // The last so many bytes.
        (Bound::Missing, Bound::At(0)) => Answer::Unsatisfiable,
        (Bound::Missing, Bound::At(count)) => Answer::Part(size.saturating_sub(count), end),
        _ => Answer::Whole,
    }
}

enum Bound {
    Missing,
    At(u64),
    Wrong,
}

/// A number however large: what is beyond every file is beyond this one.
fn number(text: &str) -> Bound {
    let text = text.trim_matches([' ', '\t']);
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true if text.is_empty() => Bound::Missing,
        true => Bound::At(text.parse().unwrap_or(u64::MAX)),
        false => Bound::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: &str = "\"e\"";

    fn get(headers: &[(&'static str, &str)]) -> Answer {
        judge(&map(headers), ETAG, 1000, true)
    }

    fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers.iter().map(header) {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn s14_1_2_a_range_of_bytes_is_a_part_of_the_file() {
        for (range, answer) in [
            ("bytes=0-0", Answer::Part(0, 0)),
            ("bytes=0-499", Answer::Part(0, 499)),
            ("bytes=500-", Answer::Part(500, 999)),
            ("bytes=-500", Answer::Part(500, 999)),
            ("bytes=-5000", Answer::Part(0, 999)),
            ("bytes=999-5000", Answer::Part(999, 999)),
            ("Bytes = 1-2", Answer::Part(1, 2)),
            ("bytes=0-99999999999999999999999", Answer::Part(0, 999)),
        ] {
            assert_eq!(get(&[("range", range)]), answer, "{range}");
        }
    }

    #[test]
    fn s14_1_2_a_range_behind_the_end_cannot_be_satisfied() {
        for range in
            ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=99999999999999999999999-"]
        {
            assert_eq!(get(&[("range", range)]), Answer::Unsatisfiable, "{range}");
        }
    }

    #[test]
    fn s14_2_what_is_no_single_range_of_bytes_is_ignored() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=2-1",
            "bytes=0-1,3-4",
            "lines=1-2",
            "bytes=1",
            "bytes=--1",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes=2000-1000",
            "bytes=2000-x",
        ] {
            assert_eq!(get(&[("range", range)]), Answer::Whole, "{range}");
        }
        assert_eq!(get(&[("range", "bytes=0-1"), ("range", "bytes=2-3")]), Answer::Whole);
    }

    #[test]
    fn s14_2_ranges_are_for_get_alone() {
        let head = judge(&map(&[("range", "bytes=0-1")]), ETAG, 1000, false);
        assert_eq!(head, Answer::Whole);
    }

    #[test]
    fn s13_1_2_who_has_the_file_is_told_so() {
        for tags in [ETAG, "W/\"e\"", "\"a\", \"e\"", "*"] {
            assert_eq!(get(&[("if-none-match", tags)]), Answer::NotModified, "{tags}");
        }
        assert_eq!(get(&[("if-none-match", "\"a\"")]), Answer::Whole);
        let lines = [("if-none-match", "\"a\""), ("if-none-match", ETAG)];
        assert_eq!(get(&lines), Answer::NotModified);
    }

    #[test]
    fn s13_1_1_who_means_another_file_gets_none() {
        assert_eq!(get(&[("if-match", ETAG)]), Answer::Whole);
        assert_eq!(get(&[("if-match", "*")]), Answer::Whole);
        assert_eq!(get(&[("if-match", "\"a\"")]), Answer::Failed);
        assert_eq!(get(&[("if-match", "W/\"e\"")]), Answer::Failed);
    }

    #[test]
    fn s13_1_5_a_range_of_another_file_is_the_whole_of_this_one() {
        let range = ("range", "bytes=0-1");
        assert_eq!(get(&[range, ("if-range", ETAG)]), Answer::Part(0, 1));
        for of in ["\"a\"", "W/\"e\"", "Sat, 29 Oct 1994 19:43:31 GMT"] {
            assert_eq!(get(&[range, ("if-range", of)]), Answer::Whole, "{of}");
        }
    }

    #[test]
    fn an_empty_file_has_no_parts() {
        let empty = judge(&map(&[("range", "bytes=0-")]), ETAG, 0, true);
        assert_eq!(empty, Answer::Unsatisfiable);
    }
}
