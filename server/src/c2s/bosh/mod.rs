//! XEP-0124: Bidirectional-streams Over Synchronous HTTP (BOSH), and XEP-0206: XMPP over BOSH.
//!
//! A session is a framed stream like that of a WebSocket, whose frames travel inside requests and their
//! answers. Our choices: one stream to a session, no compression, no answers as scripts.

mod answer;
mod body;
mod carry;
mod keys;
mod pace;
mod routes;
mod session;
mod table;
mod terms;

use answer::{Answer, Condition, Draft};
pub(super) use routes::routes;
