//! Long lists in pages, and times as people read them.

use super::fields::{Fields, link};

/// Rows of a page.
const ROWS: usize = 50;

/// A part of a list, and the way to the others.
pub struct Paged<T> {
    /// What is shown.
    pub rows: Vec<T>,
    /// How many there are in all.
    pub total: usize,
    /// Which page this is, from 1.
    pub number: usize,
    /// How many pages there are.
    pub pages: usize,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
}

impl<T> Paged<T> {
    /// The page that is asked for in `page`, of a list at this address.
    pub fn of(all: Vec<T>, path: &str, query: &Fields) -> Self {
        let total = all.len();
        let pages = total.div_ceil(ROWS).max(1);
        let number = query.text("page").parse().unwrap_or(1).clamp(1, pages);
        let to = |number: usize| link(path, &[("page", &number.to_string())]);
        Paged {
            rows: all.into_iter().skip((number - 1) * ROWS).take(ROWS).collect(),
            total,
            number,
            pages,
            previous: (number > 1).then(|| to(number - 1)),
            next: (number < pages).then(|| to(number + 1)),
        }
    }
}

/// `2026-11-22T16:13:00.123Z` as `2026-11-22 16:13`.
pub fn minute(time: &str) -> String {
    time.get(..16).map_or_else(|| time.to_owned(), |minute| minute.replace('T', " "))
}

/// Octets in the unit that fits.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut shown = (bytes as f64, "B");
    for unit in UNITS {
        if shown.0 < 1024.0 {
            break;
        }
        shown = (shown.0 / 1024.0, unit);
    }
    match shown {
        (bytes, "B") => format!("{bytes} B"),
        (amount, unit) if amount < 10.0 => format!("{amount:.1} {unit}"),
        (amount, unit) => format!("{amount:.0} {unit}"),
    }
}

/// `1 session`, `2 sessions`.
pub fn count(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(page: &str) -> Fields {
        Fields::new([("page".to_owned(), page.to_owned())].into())
    }

    #[test]
    fn a_list_has_as_many_pages_as_it_needs() {
        let all = || (0..120).collect::<Vec<_>>();
        let first = Paged::of(all(), "/list?q=a", &Fields::default());
        assert_eq!((first.rows.len(), first.number, first.pages, first.total), (50, 1, 3, 120));
        assert_eq!((first.previous, first.next.as_deref()), (None, Some("/list?q=a&page=2")));
        let last = Paged::of(all(), "/list", &query("3"));
        assert_eq!((last.rows.first(), last.rows.len(), last.next), (Some(&100), 20, None));
    }

    #[test]
    fn a_page_that_is_not_there_is_the_nearest() {
        for (asked, number) in [("0", 1), ("-1", 1), ("x", 1), ("99", 3), ("", 1)] {
            assert_eq!(Paged::of(vec![(); 120], "/list", &query(asked)).number, number, "{asked}");
        }
        assert_eq!(Paged::of(Vec::<()>::new(), "/list", &query("2")).pages, 1);
    }

    #[test]
    fn sizes_have_the_unit_that_fits() {
        let shown = [0, 1023, 1024, 10_240, 1_572_864, 5 << 40].map(size);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "10 KiB", "1.5 MiB", "5.0 TiB"]);
    }

    #[test]
    fn times_are_told_to_the_minute() {
        assert_eq!(minute("2026-11-22T16:13:00.123Z"), "2026-11-22 16:13");
        assert_eq!(minute("soon"), "soon");
    }
}
