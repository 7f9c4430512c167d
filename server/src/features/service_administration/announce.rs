//! XEP-0133 §4.23: something is said to everybody who is online.

use super::form::{ask, required};
use crate::feature::{Ctx, Execution, Stage, refused};
use crate::features::accounts::online;
use crate::jid::{BareJid, Domain};
use crate::ns;
use crate::router;
use crate::stanza::{Message, StanzaError};
use crate::xml::Element;

/// Bytes of an announcement: some paragraphs, which every archive keeps.
pub const ANNOUNCEMENT_MAX: usize = 8 * 1024;

const ANNOUNCEMENT: &str = "announcement";

/// The command.
pub async fn run(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let Some(form) = execution.form() else {
        let instructions =
            "Fill out this form to make an announcement to all active users of this service.";
        let fields = [required(ANNOUNCEMENT, "text-multi", "Announcement")];
        return Ok(Stage::ask(ask("Making an Announcement", instructions, fields)));
    };
    let text = form.text(ANNOUNCEMENT);
    if text.is_empty() || text.len() > ANNOUNCEMENT_MAX {
        return Err(refused(ANNOUNCEMENT, &format!("1 to {ANNOUNCEMENT_MAX} bytes, please")));
    }
    let told = announce(cx, &execution.asker.to.to_domain(), &text).await;
    tracing::info!(told, by = %execution.asker.jid.bare(), "an admin has made an announcement");
    Ok(Stage::done().info(match told {
        1 => "1 user is told.".to_owned(),
        many => format!("{many} users are told."),
    }))
}

/// Says something in the name of a domain to those of its accounts that are online, one message to each,
/// which is archived and finds all devices as any other. Says how many took it: who has blocked the
/// domain does not. The text has at most [`ANNOUNCEMENT_MAX`] bytes.
pub async fn announce(cx: &Ctx, domain: &Domain, text: &str) -> usize {
    // Of nobody: an answer that nobody waits for goes nowhere.
    let cx = Ctx { session: None, ..cx.clone() };
    let mut told = 0;
    for account in online(&cx.server, domain.as_str()).into_keys() {
        let Some(message) = message(&cx, domain, &account, text) else { continue };
        told += usize::from(router::deliver_to_account(&cx, message, None).await.is_ok());
    }
    told
}

fn message(cx: &Ctx, domain: &Domain, account: &str, text: &str) -> Option<Message> {
    let from = BareJid::new(None, domain.clone());
    let body = Element::new(ns::CLIENT, "body").with_text(text);
    // Of no type: clients show what is normal, and not all show headlines.
    let message = Element::new(ns::CLIENT, "message")
        .with_attr("from", from.as_str())
        .with_attr("to", account)
        .with_attr("id", cx.server.stream_id())
        .with_child(body);
    Message::from_element(message)
}
