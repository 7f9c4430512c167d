//! Entity capabilities (XEP-0115) of a client: what it is interested in (XEP-0163 §4.2, `+notify`).
//!
//! The client puts a hash into its presence that is right, and answers disco#info from then on,
//! as the server asks for what it does not know by its hash.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloister::ns;

use super::{Client, Cloister};

/// Where the software of our client is at home (XEP-0115 §4).
const HOME: &str = "urn:example:kit";

/// A client's capabilities.
#[derive(Clone)]
pub struct Capabilities {
    /// The `ver` of `<c/>`.
    pub ver: String,
    /// What stands in the answer to disco#info.
    pub info: String,
}

impl Capabilities {
    /// Those of a client with these features, and with disco#info as every client.
    pub fn of(features: &[&str]) -> Self {
        let mut features: Vec<&str> = features.iter().copied().chain([ns::DISCO_INFO]).collect();
        features.sort_unstable();
        features.dedup();
        // XEP-0115 §5.1
        let mut text = "client/pc//Kit<".to_owned();
        let mut info = "<identity category='client' type='pc' name='Kit'/>".to_owned();
        for feature in features {
            write!(text, "{feature}<").unwrap();
            write!(info, "<feature var='{feature}'/>").unwrap();
        }
        let ver = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()));
        Capabilities { ver, info }
    }

    /// What stands in presence.
    pub fn element(&self) -> String {
        format!("<c xmlns='{}' hash='sha-1' node='{HOME}' ver='{}'/>", ns::CAPS, self.ver)
    }

    /// The answer to disco#info.
    pub fn answer(&self, id: &str, to: &str, node: Option<&str>) -> String {
        let node = node.map(|node| format!(" node='{node}'")).unwrap_or_default();
        format!(
            "<iq type='result' id='{id}' to='{to}'><query xmlns='{}'{node}>{}</query></iq>",
            ns::DISCO_INFO,
            self.info
        )
    }
}

impl Cloister {
    /// As [`online`](Self::online), with these features in disco#info, `NODE+notify` above all. What
    /// the server sends because of them (last items) stays to be received.
    pub async fn online_with(&self, name: &str, password: &str, features: &[&str]) -> Client {
        let client = self.login(name, password).await;
        client.iq_ok("get", None, "<query xmlns='jabber:iq:roster'/>").await;
        client.appear_with("", features).await;
        client
    }
}

impl Client {
    /// Sends presence with these features, `inner` beside them, and waits until the server knows
    /// them. The own presence that comes back is swallowed.
    pub async fn appear_with(&self, inner: &str, features: &[&str]) {
        let capabilities = Capabilities::of(features);
        self.declare(Some(capabilities.clone()));
        self.send(format!("<presence>{inner}{}</presence>", capabilities.element())).await;
        let jid = self.jid();
        self.receive_where("its own presence", |stanza| {
            stanza.is(ns::CLIENT, "presence") && stanza.attr("from") == Some(jid)
        })
        .await;
        // Behind the first the request has come, and its answer is written before the second.
        self.fence().await;
        self.fence().await;
    }
}
