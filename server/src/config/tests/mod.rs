//! Tests of the configuration as a whole: what an operator writes and what it is answered.

mod generated;
mod on_disk;
mod provision;
mod turn;
mod what_is_true;
mod what_is_wrong;

use super::*;

/// The least that is a configuration.
const HOST: &str = "[[host]]
domain = \"example.org\"
certificate = \"/c/fullchain.pem\"
key_file = \"/c/key.pem\"
";

fn parse(text: &str) -> Result<(Config, Vec<Warning>), ConfigErrors> {
    Config::parse(text, "c.toml", Check::Syntax)
}

fn defaults() -> Config {
    parse(HOST).unwrap().0
}

/// The mistakes in `text` before a valid host, one to a line.
fn mistakes(text: &str) -> Vec<String> {
    let errors = parse(&format!("{text}\n{HOST}")).expect_err(text);
    errors.to_string().lines().map(str::to_owned).collect()
}

/// The only mistake in `text`.
fn mistake(text: &str) -> String {
    let all = mistakes(text);
    assert_eq!(all.len(), 1, "{all:?}");
    all.concat()
}
