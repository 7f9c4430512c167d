//! One page with everything that the stylesheet knows, to be looked at.

use askama::Template;

use super::{Frame, Language, Markup, chart, qr};

#[derive(Template)]
#[template(path = "sample.html")]
struct Sample {
    frame: Frame,
    line: Markup,
    columns: Markup,
    meters: [Markup; 3],
    code: Markup,
}

fn sample() -> Sample {
    let values: Vec<u64> = (0..90).map(|n| 40 + (n * n * 7 + n * 13) % 37).collect();
    Sample {
        frame: Frame::new(Language::english(), "Sample", "Cloister"),
        line: chart::sparkline(&values, "Messages a minute"),
        columns: chart::bars(&values[..30], "Sign-ins a day"),
        meters: [20, 85, 99].map(|used| chart::meter(used, 100, "Storage")),
        code: qr::svg("https://chat.example.org/invite/q1w2e3r4t5z6u7i8o9p0aa", "Link").unwrap(),
    }
}

/// Where `CLOISTER_PREVIEW` says, pages are written to be looked at in a browser.
pub(crate) fn preview(name: &str, html: &str) {
    if let Ok(folder) = std::env::var("CLOISTER_PREVIEW") {
        let html = html.replace("/assets/", "assets/");
        std::fs::write(format!("{folder}/{name}.html"), html).unwrap();
    }
}

/// What no page may contain: the policy forbids it, so that it would not work.
pub(crate) fn assert_strict(html: &str) {
    for never in ["<script", "<style", " style=", " onclick=", " onload=", "javascript:"] {
        assert!(!html.contains(never), "{never} in {html}");
    }
}

#[test]
fn a_page_has_neither_script_nor_style_of_its_own() {
    let html = sample().render().unwrap();
    preview("sample", &html);
    assert_strict(&html);
    assert!(html.contains("<html lang=\"en\">") && html.contains("<main id=\"content\""));
}
