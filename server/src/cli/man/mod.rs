//! `cloister man`: the manual pages, made from what `--help` and docs/configuration.md are made of.
//!
//! Pages carry the version and no date: the same version writes the same bytes.

mod markdown;

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::Cli;
use super::output::say;
use crate::config;

/// What readers see at the foot of a page.
const SOURCE: &str = concat!("cloister ", env!("CARGO_PKG_VERSION"));
const MANUAL: &str = "Cloister";

/// Writes the manual pages: cloister(1), one for each command, and cloister.toml(5)
#[derive(Debug, Args)]
#[command(after_help = "Example:
  cloister man /usr/local/share/man/man1")]
pub(super) struct Arguments {
    /// The folder; it is made if it is not there, and pages in it are written anew
    directory: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let pages = pages()?;
    let directory = arguments.directory.as_path();
    let remedy = || format!("{} cannot be written; choose another folder", directory.display());
    fs::create_dir_all(directory).with_context(remedy)?;
    for page in &pages {
        fs::write(directory.join(&page.name), &page.text).with_context(remedy)?;
    }
    say(&format!("{} pages written to {}", pages.len(), directory.display()))
}

/// A manual page: the name of its file, and what is in it.
struct Page {
    name: String,
    text: Vec<u8>,
}

/// All pages, the commands' in the order of the help.
fn pages() -> anyhow::Result<Vec<Page>> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    add(&root, None, &mut pages)?;
    pages.push(configuration()?);
    Ok(pages)
}

/// The pages of a command and of those below it.
fn add(command: &clap::Command, above: Option<&str>, pages: &mut Vec<Page>) -> anyhow::Result<()> {
    pages.push(page(command, above)?);
    let mut commands = command.get_subcommands().filter(|command| !command.is_hide_set());
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    commands.try_for_each(|below| add(below, Some(name), pages))
}

fn page(command: &clap::Command, above: Option<&str>) -> anyhow::Result<Page> {
    let man = Man::new(command.clone()).source(SOURCE).manual(MANUAL);
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    ending(command, above).to_writer(&mut text)?;
    Ok(Page { name: man.get_filename(), text })
}

/// The examples, and where to read on. clap_mangen would run the lines of examples together.
fn ending(command: &clap::Command, above: Option<&str>) -> Roff {
    let mut roff = Roff::new();
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    roff.control("SH", ["EXAMPLES"]).control("EX", []);
    for line in examples.lines().filter_map(|line| line.strip_prefix("  ")) {
        roff.text([roman(line)]);
    }
    roff.control("EE", []).control("SH", ["SEE ALSO"]);
    if let Some(above) = above {
        roff.text([bold(above), roman("(1),")]);
    }
    roff.text([bold("cloister.toml"), roman("(5)")]);
    roff
}

fn configuration() -> anyhow::Result<Page> {
    let mut roff = Roff::new();
    roff.control("TH", ["cloister.toml", "5", "", SOURCE, MANUAL]);
    roff.control("SH", ["NAME"]).text([roman("cloister.toml - the configuration of cloister")]);
    roff.control("SH", ["DESCRIPTION"]);
    markdown::render(&config::reference(), &mut roff);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("cloister"), roman("(1), "), bold("cloister-check-config"), roman("(1)")]);
    let mut text = Vec::new();
    roff.to_writer(&mut text)?;
    Ok(Page { name: "cloister.toml.5".to_owned(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> Vec<(String, String)> {
        let text = |page: Page| (page.name, String::from_utf8(page.text).unwrap());
        pages().unwrap().into_iter().map(text).collect()
    }

    #[test]
    fn a_page_of_a_command_has_examples_on_lines_of_their_own() {
        for (name, text) in texts().iter().filter(|(name, _)| name.ends_with(".1")) {
            let (_, rest) = text.split_once(".EX\n").unwrap();
            let (examples, _) = rest.split_once("\n.EE").unwrap();
            assert!(examples.lines().any(|line| line.contains("cloister ")), "{name}: {examples}");
        }
    }

    #[test]
    fn a_page_refers_to_that_of_the_command_above() {
        let texts = texts();
        let page = |wanted: &str| &texts.iter().find(|(name, _)| name == wanted).unwrap().1;
        assert!(page("cloister-user-add.1").contains(r"\fBcloister\-user\fR(1),"));
        assert!(page("cloister-check-config.1").contains("\n\\fBcloister\\fR(1),"));
        assert!(!page("cloister.1").contains(r"\fBcloister\fR(1),"));
    }

    #[test]
    fn the_page_of_the_configuration_has_every_option() {
        let texts = texts();
        let (name, page) = texts.last().unwrap();
        assert_eq!(name, "cloister.toml.5");
        for line in config::reference().lines() {
            if let Some(option) = line.strip_prefix("### ") {
                let option = option.trim_matches('`');
                assert!(page.contains(&format!("\n\\fB{option}\\fR\n")), "{option}");
            }
        }
        assert!(!page.contains('`') && !page.contains("**"), "Markdown is left in it");
    }
}
