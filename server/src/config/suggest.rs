//! "Did you mean": the known word that a misspelt one is nearest to.

/// The nearest of `known`, when it is near enough to be what was meant.
pub(super) fn nearest<'k>(written: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    // Longer than any word of ours: bounds the work below, which grows with the square.
    const LONGEST: usize = 64;
    if written.len() > LONGEST {
        return None;
    }
    let ranked = known.map(|word| (distance(written, word), word));
    let (distance, word) = ranked.min_by_key(|(distance, _)| *distance)?;
    // One slip in three letters: more, and the suggestion would be noise.
    (distance <= 1.max(word.len() / 3)).then_some(word)
}

/// How many letters must be inserted, deleted or replaced (Levenshtein), where `-`, `_` and case
/// do not count.
fn distance(left: &str, right: &str) -> usize {
    let (left, right) = (letters(left), letters(right));
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, a) in left.iter().enumerate() {
        let mut diagonal = above;
        let mut before = above + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(&right) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            before = replaced.min(diagonal + 1).min(before + 1);
            *cell = before;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn letters(word: &str) -> Vec<char> {
    word.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["stanza_bytes", "stanza_depth", "c2s", "c2s_tls"];

    #[test]
    fn a_slip_finds_the_word_that_was_meant() {
        for (written, meant) in [
            ("stanza-bytes", "stanza_bytes"),
            ("stanza_byte", "stanza_bytes"),
            ("stanzabytes", "stanza_bytes"),
            ("STANZA_DEPTH", "stanza_depth"),
            ("c2stls", "c2s_tls"),
        ] {
            assert_eq!(nearest(written, KNOWN.into_iter()), Some(meant), "{written}");
        }
    }

    #[test]
    fn an_unrelated_word_finds_nothing() {
        assert_eq!(nearest("federation", KNOWN.into_iter()), None);
        assert_eq!(nearest("cs2", KNOWN.into_iter()), None, "two slips in three letters");
        assert_eq!(nearest("", KNOWN.into_iter()), None);
        assert_eq!(nearest(&"s".repeat(100_000), KNOWN.into_iter()), None);
    }

    #[test]
    fn the_distance_counts_letters() {
        for (left, right, letters) in
            [("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("a", "a", 0)]
        {
            assert_eq!(distance(left, right), letters);
        }
    }
}
