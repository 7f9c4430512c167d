//! XEP-0363: HTTP File Upload.
//!
//! A client asks the service of its domain for a slot ([`slot`]), puts the file there ([`put`]) and sends the
//! URL to whom it likes, who get it ([`get`]). Whoever knows the URL may: it is a secret of 192 bits.
//!
//! Our choices: a file is kept as long as the messages of its owner ([`expire`]), goes with the account, and
//! takes its room from the moment that it is promised ([`ledger`]). Nothing on the disk or in the store tells
//! the URL ([`token`]). Nothing that a browser could run is ever shown by one ([`content_type`]).

mod aligned;
mod answer;
mod content_type;
mod expire;
mod files;
mod get;
mod ledger;
mod name;
pub mod operator;
mod orphans;
mod pace;
mod pages;
mod profile;
mod put;
mod range;
mod read;
mod slot;
mod stored;
mod token;
mod trees;
mod url;
mod write;

pub use pages::Sum;
pub use trees::{Found, Purpose, Upload};

use crate::feature::{Ctx, Effects, Identity, Registry, Scope, Spec, Status};
use crate::jid::BareJid;
use crate::ns;
use crate::server::Server;
use crate::stanza::{IqKind, StanzaError, form};
use crate::xml::Element;

/// §"Upload purpose": each is announced.
const PURPOSES: [&str; 4] = [
    "urn:xmpp:http:upload:purpose:0#message",
    "urn:xmpp:http:upload:purpose:0#profile",
    "urn:xmpp:http:upload:purpose:0#ephemeral",
    "urn:xmpp:http:upload:purpose:0#permanent",
];

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0363",
        name: "HTTP File Upload",
        version: "1.2.0",
        status: Status::Complete,
        note: "",
    });
    trees::register(on);
    on.state(stored::Uploads::default());
    let identity = Identity { category: "store", kind: "file", name: "HTTP File Upload" };
    on.identity(&[Scope::Upload], identity);
    on.disco(&[Scope::Upload], ns::HTTP_UPLOAD);
    PURPOSES.into_iter().for_each(|purpose| on.disco(&[Scope::Upload], purpose));
    on.form(&[Scope::Upload], limits);
    on.iq(IqKind::Get, &[Scope::Upload], (ns::HTTP_UPLOAD, "request"), slot::request);
    on.long_http(url::routes);
    expire::register(on);
    orphans::register(on);
    on.account_removed(remove);
}

/// §"Discovering Support": the largest file.
fn limits(server: &Server, address: &BareJid) -> Option<Element> {
    let config = server.config();
    let (_, host) = config.service(address.domain())?;
    let most = host.upload.file_bytes.as_u64().to_string();
    let field = form::field("max-file-size", [most.as_str()]);
    Some(form::result(ns::HTTP_UPLOAD).with_child(field))
}

/// An account goes, and its files with it.
async fn remove(cx: &Ctx, account: BareJid) -> Result<Effects, StanzaError> {
    operator::remove_all(&cx.server, &account).await?;
    Ok(Effects::none())
}
