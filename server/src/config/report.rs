//! Findings about a configuration file: where, which key, what is wrong and what to do.
//!
//! Nothing stops at the first mistake. Every reader records what it finds here and goes on with a
//! stand-in, so that an operator corrects a file once and not once for each mistake.

use std::collections::BTreeMap;
use std::fmt;

use super::credentials::Credentials;
use super::declare::Section;
use super::options::File;

/// One thing found in a configuration file. Printed as `file:line:column: key: text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file as it was named to us.
    pub file: String,
    /// Line and column, both counted from 1, columns in characters. `None` for the whole file.
    pub place: Option<(usize, usize)>,
    /// The option, with its tables: `limits.stanza_bytes`. Empty where there is none.
    pub key: String,
    /// What is wrong, and what to do about it. Never the content of a secret.
    pub text: String,
}

/// Something that the operator should know and that does not keep the server from starting.
pub type Warning = Finding;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file_and_place())?;
        if !self.key.is_empty() {
            write_on_one_line(f, &self.key)?;
            write!(f, ": ")?;
        }
        write_on_one_line(f, &self.text)
    }
}

/// A key or a path may hold a line break: one finding is one line, whatever it quotes.
fn write_on_one_line(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| match c.is_control() {
        true => write!(f, "{}", c.escape_default()),
        false => write!(f, "{c}"),
    })
}

impl Finding {
    fn file_and_place(&self) -> String {
        match self.place {
            Some((line, column)) => format!("{}:{line}:{column}", self.file),
            None => self.file.clone(),
        }
    }
}

/// Why a configuration is refused: every mistake in it, in the order of the file, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    mistakes: Vec<Finding>,
    warnings: Vec<Warning>,
}

impl ConfigErrors {
    /// The mistakes, in the order of the file.
    pub fn mistakes(&self) -> &[Finding] {
        &self.mistakes
    }

    /// What was found beside the mistakes.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The file could not be read at all.
    pub(super) fn unreadable(file: &str, text: String) -> Self {
        let finding = Finding { file: file.to_owned(), place: None, key: String::new(), text };
        Self { mistakes: vec![finding], warnings: Vec::new() }
    }
}

/// One line per mistake, without a line break after the last.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Collects the findings about one text. Places are byte offsets into it until they are printed.
/// It also has what readers need to know beside the text.
pub(super) struct Report<'t> {
    file: &'t str,
    text: &'t str,
    /// What the whole file may hold, and where that is described.
    kind: (&'static Section, &'static str),
    mistakes: Vec<Finding>,
    warnings: Vec<Warning>,
    written: BTreeMap<String, usize>,
    credentials: Credentials,
}

impl<'t> Report<'t> {
    /// About a configuration.
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self::about(file, text, (&File::SECTION, "docs/configuration.md"))
    }

    /// About a file of another kind: what it may hold, and where that is described.
    pub(super) fn about(
        file: &'t str,
        text: &'t str,
        kind: (&'static Section, &'static str),
    ) -> Self {
        let (mistakes, warnings, written, credentials) = Default::default();
        Self { file, text, kind, mistakes, warnings, written, credentials }
    }

    /// What the whole file may hold, and where that is described.
    pub(super) fn kind(&self) -> (&'static Section, &'static str) {
        self.kind
    }

    /// The same, where there are credentials.
    pub(super) fn with(self, credentials: Credentials) -> Self {
        Self { credentials, ..self }
    }

    /// What `$CREDENTIALS_DIRECTORY/` stands for.
    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Remembers where an option is written.
    pub(super) fn wrote(&mut self, key: &str, at: usize) {
        self.written.insert(key.to_owned(), at);
    }

    /// Where an option is written; `None` for one that has its default. Of a table that may be
    /// there several times, the last.
    pub(super) fn written_at(&self, key: &str) -> Option<usize> {
        self.written.get(key).copied()
    }

    /// Records something that keeps the server from starting.
    pub(super) fn mistake(&mut self, at: usize, key: &str, text: impl Into<String>) {
        let finding = self.finding(at, key, text.into());
        self.mistakes.push(finding);
    }

    /// Records something that does not.
    pub(super) fn warning(&mut self, at: usize, key: &str, text: impl Into<String>) {
        let finding = self.finding(at, key, text.into());
        self.warnings.push(finding);
    }

    /// Whether a mistake about this key is recorded already.
    pub(super) fn is_mistaken(&self, key: &str) -> bool {
        self.mistakes.iter().any(|mistake| mistake.key == key)
    }

    /// The line of a byte offset, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.place(at).0
    }

    /// What was made, with the warnings; or, when there is any mistake, all of them.
    pub(super) fn finish<T>(mut self, made: Option<T>) -> Result<(T, Vec<Warning>), ConfigErrors> {
        self.mistakes.sort_by_key(|finding| finding.place);
        self.warnings.sort_by_key(|finding| finding.place);
        match made {
            Some(made) if self.mistakes.is_empty() => Ok((made, self.warnings)),
            _ => Err(ConfigErrors { mistakes: self.mistakes, warnings: self.warnings }),
        }
    }

    fn finding(&self, at: usize, key: &str, text: String) -> Finding {
        let place = Some(self.place(at));
        Finding { file: self.file.to_owned(), place, key: key.to_owned(), text }
    }

    fn place(&self, at: usize) -> (usize, usize) {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        // A character starts at every byte that is not a continuation (0b10xx_xxxx).
        let columns = line.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        (lines + 1, columns + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_not_bytes() {
        let text = "a = 1\ngrüße = 2\n";
        let report = Report::new("c.toml", text);
        let two = text.find('2').unwrap();
        assert_eq!(report.place(two), (2, 9));
    }

    #[test]
    fn a_place_behind_the_end_is_the_end() {
        assert_eq!(Report::new("c.toml", "a\nb").place(100), (2, 2));
        assert_eq!(Report::new("c.toml", "").place(0), (1, 1));
    }

    #[test]
    fn one_finding_is_one_line() {
        let mut report = Report::new("c.toml", "");
        report.mistake(0, "data_dir", "a\nb");
        let errors = report.finish(Some(())).unwrap_err();
        assert_eq!(errors.to_string(), "c.toml:1:1: data_dir: a\\nb");
    }
}
