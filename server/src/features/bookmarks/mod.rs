//! XEP-0402: PEP Native Bookmarks, the same for clients that know only XEP-0048.
//!
//! The items of XEP-0402 are what counts. The list of XEP-0048 is made from them and kept in one
//! place, the item `current` of the node `storage:bookmarks`; private XML storage (XEP-0049) reads
//! and writes that item. Whatever is written in one form is in the others with the same commit.
//!
//! Our choices. A list that a client writes is compared with the list as it was: what the client
//! took away goes, and rooms that were never in the list stay. A room of the list is merged into its
//! item, so that `<extensions/>` stay; a bookmark is merged into its entry of the list, so that
//! unknown parts of that stay, too. What is no room (`<url/>`, addresses that are none) is in the
//! list alone. A list that would be larger than an item may be lacks the rooms at its end until these
//! are written again; their items have them. Who deletes the list deletes no bookmark.
//!
//! The server bookmarks a room for whoever becomes a member of it, and takes that away again
//! (`membership`, `soon`).

mod earlier;
mod membership;
mod merge;
mod soon;
mod storage;
mod sync;

use std::sync::Arc;

use super::pubsub::{self, AccessModel, Config, MaxItems, Names, NodeFull, SendLast, WellKnown};
use crate::feature::{Ctx, Effects, Registry, Scope, Spec, Status};
use crate::ns;
use crate::router::Session;

pub use membership::{add, remove};
pub use soon::{add_soon, caught_up, remove_soon};
pub(super) use sync::{list, replace_list};

/// The node of XEP-0402.
const ROOMS: &str = ns::BOOKMARKS;

/// The node of XEP-0048.
const LIST: &str = ns::BOOKMARKS_LEGACY;

/// XEP-0402 §"Compatibility": what is unified, and the same as XEP-0411 names it.
const FEATURES: [&str; 3] = [
    "urn:xmpp:bookmarks:1#compat",
    "urn:xmpp:bookmarks:1#compat-pep",
    "urn:xmpp:bookmarks-conversion:0",
];

/// Declares what belongs to the specifications.
pub fn register(on: &mut Registry) {
    specs(on);
    for feature in FEATURES {
        on.disco(&[Scope::Own], feature);
    }
    let rooms = Names::Exactly(ROOMS);
    let (config, changed) = (rooms_config, Some(sync::rooms_changed as _));
    WellKnown { names: rooms, config, changed }.register(on);
    let list = Names::Exactly(LIST);
    let (config, changed) = (list_config, Some(sync::list_changed as _));
    WellKnown { names: list, config, changed }.register(on);
    pubsub::before_requests(on, ROOMS, earlier::before_request);
    pubsub::before_requests(on, LIST, earlier::before_request);
    on.interests(interested);
    on.state(soon::Waiting::default());
}

fn specs(on: &mut Registry) {
    let complete =
        |id, name, version, note| Spec { id, name, version, status: Status::Complete, note };
    on.implements(complete(
        "XEP-0402",
        "PEP Native Bookmarks",
        "1.2.0",
        "unified with both forms of XEP-0048",
    ));
    on.implements(complete("XEP-0048", "Bookmarks", "1.2", "kept in step with XEP-0402"));
    on.implements(complete("XEP-0411", "Bookmarks Conversion", "1.1.0", ""));
    on.implements(complete(
        "XEP-0492",
        "Chat notification settings",
        "0.2.0",
        "what clients put into bookmarks stays there",
    ));
    on.implements(complete(
        "XEP-0223",
        "Persistent Storage of Private Data via PubSub",
        "1.1.1",
        "",
    ));
}

/// XEP-0402 §"Adding a bookmark". One that does not fit is refused: none may vanish for another.
fn rooms_config(config: Config) -> Config {
    let private = config.with_access(AccessModel::Whitelist).with_send_last(SendLast::Never);
    Config { publish_node_full: NodeFull::Reject, ..private.with_max_items(MaxItems::Max) }
}

/// XEP-0048 §3.1. The last item is sent to clients that come, as XEP-0411 §4 wants it.
fn list_config(config: Config) -> Config {
    config.with_access(AccessModel::Whitelist).with_max_items(MaxItems::Count(1))
}

/// XEP-0411 §4: what an earlier version stored is there before a client is told of it.
async fn interested(cx: &Ctx, (session, nodes): (Arc<Session>, Vec<String>)) -> Effects {
    if nodes.iter().any(|node| node == ROOMS || node == LIST) {
        earlier::convert(cx, session.account()).await;
    }
    Effects::none()
}
