//! Cloister: a closed XMPP server.
//!
//! One path, one direction; a layer uses only layers below it (`tests/layers.rs` checks it):
//!
//! | layer | what it turns into what |
//! |---|---|
//! | [`net`] | sockets into TLS connections |
//! | [`xml`] | bytes into elements |
//! | [`stream`] | a connection into a bound session, step by step |
//! | [`stanza`] | elements into messages, presence and IQs |
//! | [`c2s`] | one task per connection |
//! | [`router`] | decides where a stanza goes, and delivers |
//! | [`features`] | one file per specification, declared with [`feature`] |
//! | [`archive`] | messages, one directory for each period |
//! | [`store`] | what is kept, durably |
//!
//! [`http`] is a second way in, for browsers, files and the operator.
//!
//! Beside the path: [`auth`] (accounts, SASL mechanisms), [`config`], [`retention`], [`admin`] (the operator's
//! socket), [`console`] (the operator's pages), [`cli`], [`lifecycle`] (start, reload, stop), [`pages`] (what is
//! for browsers).

pub mod admin;
pub mod archive;
pub mod auth;
pub mod c2s;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod feature;
pub mod features;
pub mod http;
pub mod jid;
pub mod lifecycle;
pub mod metrics;
pub mod net;
pub mod nix;
pub mod ns;
pub mod pages;
pub mod retention;
pub mod router;
pub mod server;
pub mod stanza;
pub mod status;
pub mod store;
pub mod stream;
mod sync;
pub mod task;
pub mod xml;
