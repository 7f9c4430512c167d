//! How long what is said in rooms is kept: what the archive is told of it. That it does as it is told
//! is proved in `archive`.

use cloister::config::{Retention, ServiceKind};
use cloister::feature::{Ctx, Registry};
use cloister::jid::{BareJid, Domain};
use cloister::store::StoreError;

use crate::kit::Cloister;

const SHORT: &str = "[[host]]\ndomain = 'localhost'\n[host.rooms]\nretention = '7d'\n";

/// Archives of rooms that nobody has made.
fn with_archives(on: &mut Registry) {
    on.archives(ServiceKind::Rooms, rooms);
}

async fn rooms(_: &Ctx, service: Domain) -> Result<Vec<BareJid>, StoreError> {
    Ok(["coven", "heath"].map(|room| jid(&format!("{room}@{service}"))).to_vec())
}

#[tokio::test]
async fn what_is_over_of_a_room_is_deleted_by_the_retention_of_rooms() {
    let cloister = Cloister::and_with(SHORT, with_archives).await;
    cloister.account("juliet", "balcony").await;
    let policy = cloister.server().archive_policy().await.unwrap();
    assert!(policy.retentions.contains(&retention("7d")), "{policy:?}");
    // Juliet keeps her messages for 30 days, as long as anybody.
    let wanted = ["coven", "heath"].map(|room| (jid(&format!("{room}@rooms.localhost")), "7d"));
    assert_eq!(policy.accounts, wanted.map(|(room, kept)| (room, retention(kept))));
}

#[tokio::test]
async fn a_room_may_keep_for_another_time_than_all_others() {
    let cloister = Cloister::and_with(SHORT, with_archives).await;
    let (server, coven) = (cloister.server(), jid("coven@rooms.localhost"));
    server.set_retention(&coven, Some(retention("1d"))).await.unwrap();
    assert_eq!(server.retention(&coven), retention("1d"));
    let policy = server.archive_policy().await.unwrap();
    assert!(policy.retentions.contains(&retention("1d")), "{policy:?}");
    let heath = jid("heath@rooms.localhost");
    assert_eq!(policy.accounts, [(coven.clone(), retention("1d")), (heath, retention("7d"))]);
    server.set_retention(&coven, None).await.unwrap();
    assert_eq!(server.retention(&coven), retention("7d"));
}

#[tokio::test]
async fn rooms_that_keep_longest_are_left_to_whole_periods() {
    let cloister = Cloister::and(with_archives).await;
    let policy = cloister.server().archive_policy().await.unwrap();
    assert_eq!(policy.accounts, []);
}

fn jid(text: &str) -> BareJid {
    BareJid::parse(text).unwrap()
}

fn retention(text: &str) -> Retention {
    text.parse().unwrap()
}
