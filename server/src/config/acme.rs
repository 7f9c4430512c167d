//! Challenges of certificate authorities: whether they can be found.

use super::Check;
use super::options::{Acme, ListenTable};
use super::report::Report;

/// Warns of a folder that is not there. It may be made later, by what puts the files into it.
pub(super) fn check(listen: &ListenTable, acme: &Acme, check: Check, report: &mut Report<'_>) {
    if check == Check::Syntax || listen.acme.is_empty() || acme.webroot.is_dir() {
        return;
    }
    let written = report.written_at("acme.webroot").or(report.written_at("listen.acme"));
    let text = format!(
        "{} is no folder that this user can see, so that certificate authorities would find nothing there; \
         make it, or write the folder that your ACME client uses",
        acme.webroot.display()
    );
    report.warning(written.unwrap_or_default(), "acme.webroot", text);
}
