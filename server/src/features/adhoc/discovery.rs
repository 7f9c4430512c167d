//! XEP-0050 §2.2: the list of commands, and what is told of one.

use super::answer::forbidden;
use crate::feature::{Asker, Command, Ctx, Discovery};
use crate::ns;
use crate::stanza::StanzaError;
use crate::xml::Element;

/// disco#items: the commands that the asker may use. A command has none.
pub async fn items(cx: &Ctx, asked: Discovery) -> Result<Option<Vec<Element>>, StanzaError> {
    let Some(node) = asked.node.as_deref() else { return Ok(None) };
    if node != ns::COMMANDS {
        return Ok(usable(cx, &asked, node).await?.map(|_| Vec::new()));
    }
    let mut items = Vec::new();
    for command in cx.server.features.commands() {
        if command.may(cx, asker(&asked)).await? {
            items.push(item(&asked, command));
        }
    }
    Ok(Some(items))
}

/// disco#info of the list and of each command.
pub async fn info(cx: &Ctx, asked: Discovery) -> Result<Option<Vec<Element>>, StanzaError> {
    let Some(node) = asked.node.as_deref() else { return Ok(None) };
    let identity = |kind: &str, name: &str| {
        Element::new(ns::DISCO_INFO, "identity")
            .with_attr("category", "automation")
            .with_attr("type", kind)
            .with_attr("name", name)
    };
    let identity = if node == ns::COMMANDS {
        identity("command-list", "Commands")
    } else if let Some(command) = usable(cx, &asked, node).await? {
        identity("command-node", command.title)
    } else {
        return Ok(None);
    };
    let feature = |var: &str| Element::new(ns::DISCO_INFO, "feature").with_attr("var", var);
    Ok(Some(vec![identity, feature(ns::COMMANDS), feature(ns::DATA_FORMS)]))
}

/// The command of that node, if there is one; forbidden to whom it is not for.
async fn usable<'a>(
    cx: &'a Ctx,
    asked: &Discovery,
    node: &str,
) -> Result<Option<&'a Command>, StanzaError> {
    match cx.server.features.command(node) {
        Some(command) if !command.may(cx, asker(asked)).await? => Err(forbidden()),
        command => Ok(command),
    }
}

fn asker(asked: &Discovery) -> Asker {
    Asker { jid: asked.asker.clone(), to: asked.to.clone() }
}

fn item(asked: &Discovery, command: &Command) -> Element {
    Element::new(ns::DISCO_ITEMS, "item")
        .with_attr("jid", asked.to.as_str())
        .with_attr("node", command.node)
        .with_attr("name", command.title)
}
