//! The operator's console: pages for a browser on the server's own machine.
//!
//! They show and do what the commands show and do, by the same requests ([`crate::admin`]), so that
//! nothing is here that the command line lacks. There is no script and nothing from elsewhere; each page is
//! whole when it comes.
//!
//! The listener is for loopback alone, which is no protection by itself: everybody on the machine reaches
//! it, and so does every page in a browser there. Hence [`local`] (who is asked, from where), [`gate`]
//! (sessions) and [`visit`] (both are looked at before any handler runs).

mod about;
mod account;
mod accounts;
mod answer;
mod certificates;
mod confirm;
mod door;
mod failures;
mod fields;
pub mod gate;
mod invitations;
mod list;
mod local;
mod online;
mod overview;
mod room;
mod rooms;
mod storage;
mod uploads;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::response::Redirect;
use axum::routing::{any, get};

use crate::server::Server;

/// Where one signs in.
const SIGN_IN: &str = "/console/sign-in";

/// All pages, for the local listener alone.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/", get(async || Redirect::to("/console")))
        .merge(door::routes())
        .merge(overview::routes())
        .merge(online::routes())
        .merge(accounts::routes())
        .merge(account::routes())
        .merge(invitations::routes())
        .merge(rooms::routes())
        .merge(room::routes())
        .merge(storage::routes())
        .merge(uploads::routes())
        .merge(certificates::routes())
        .merge(failures::routes())
        .merge(about::routes())
        .route("/console/{*rest}", any(async || answer::missing()))
}
