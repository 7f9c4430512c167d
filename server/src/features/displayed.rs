//! XEP-0490: Message Displayed Synchronization.
//!
//! How far each chat was read is a private node of the account. With server assist a message that a
//! client sends anyway carries that along, and the server publishes it. Our choices: what is already
//! said is not published again, and a message goes its way if there is no room to publish.

use super::pubsub::{
    AccessModel, Config, Edit, MaxItems, Names, NewItem, SendLast, Service, WellKnown,
};
use crate::feature::{Ctx, Flow, Phase, Registry, Scope, Side, Spec, Status};
use crate::jid::Jid;
use crate::ns;
use crate::router;
use crate::stanza::{Message, StanzaError};
use crate::xml::Element;

/// The node, which is called like its payload's namespace.
const NODE: &str = ns::DISPLAYED;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0490",
        name: "Message Displayed Synchronization",
        version: "1.0.1",
        status: Status::Complete,
        note: "with server assist",
    });
    on.disco(&[Scope::Own], "urn:xmpp:mds:server-assist:0");
    WellKnown { names: Names::Exactly(NODE), config, changed: None }.register(on);
    on.message(Side::Sender, Phase::Stamp, assist);
}

/// §3.2: the options that clients publish with.
fn config(config: Config) -> Config {
    config
        .with_access(AccessModel::Whitelist)
        .with_max_items(MaxItems::Max)
        .with_send_last(SendLast::Never)
}

/// §3.5.3: nobody else sees it, and it is not archived.
async fn assist(cx: &Ctx, mut message: Message) -> Result<Flow, StanzaError> {
    let Some(displayed) = message.element_mut().take_child(NODE, "displayed") else {
        return Ok(Flow::Next(message));
    };
    message.element_mut().retain_children(|child| !child.is(NODE, "displayed"));
    // The id is the address in its normal form, as everywhere; a message to nobody names no chat.
    if let Some(chat) = message.element().attr("to").map(str::to_owned)
        && let Err(error) = publish(cx, message.from.clone(), chat, displayed).await
    {
        tracing::debug!(?error, "what was displayed is not published");
    }
    Ok(Flow::Next(message))
}

async fn publish(cx: &Ctx, by: Jid, chat: String, displayed: Element) -> Result<(), StanzaError> {
    let mut edit = Edit::begin(cx, Service::new(by.bare()), by.clone()).await?;
    let node = match edit.node(NODE).await? {
        Some(node) => node,
        None => edit.create(NODE, config(Config::pep())).await?,
    };
    let had = edit.item(&node, &chat).await?;
    if had.is_some_and(|(_, item)| item.text == displayed.to_xml()) {
        return Ok(());
    }
    edit.publish(NODE, NewItem { id: Some(chat), payload: Some(displayed), by }).await?;
    router::apply(edit.commit().await?);
    Ok(())
}
