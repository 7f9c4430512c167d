//! Pictures of people (XEP-0363 §Profile): kept for ever, small, and few.
//!
//! Our choice: a new one takes the place of the oldest one. Nobody deletes a picture by XMPP, so that
//! otherwise there would be no room for another one day.

use super::pages::Pages;
use super::stored::remove;
use super::trees::{Found, Purpose};
use crate::server::Server;
use crate::store::StoreError;

/// The largest, in bytes: a photograph for the top of a page.
pub const LARGEST: u64 = 8 * 1024 * 1024;

/// How many an account has: the avatar in some sizes, and those that contacts may still look for.
const MOST: usize = 20;

/// Makes room, after this one came.
pub async fn replace(server: &Server, came: &Found) {
    if came.upload.purpose != Purpose::Profile {
        return;
    }
    if let Err(error) = remove_oldest(server, came).await {
        // The next one makes room for itself and for this.
        tracing::error!(%error, "old pictures of an account cannot be deleted");
    }
}

async fn remove_oldest(server: &Server, came: &Found) -> Result<(), StoreError> {
    let (mut pictures, mut pages) = (Vec::new(), Pages::of(&came.owner));
    while let Some(page) = pages.next(server).await? {
        let of_profile = page.into_iter().filter(|found| found.upload.purpose == Purpose::Profile);
        pictures.extend(of_profile.filter_map(|found| Some((found.upload.stored?, found.id))));
    }
    pictures.sort_unstable();
    let over: Vec<_> = pictures.iter().rev().skip(MOST).map(|(_, id)| *id).collect();
    remove(server, &came.owner, &over).await.map(drop)
}
