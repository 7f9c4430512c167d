//! A room's archive: every message has one owner, the room, and that is also who it is with.

use bytes::Bytes;
use cloister::archive::{Entry, Filter, From, Owner, Policy};
use cloister::clock::Timestamp;
use cloister::jid::BareJid;

use crate::kit::{DAY, Kit, NOW, jid};

const ROOM: &str = "coven@rooms.localhost";

fn room(name: &str) -> BareJid {
    BareJid::parse(&format!("{name}@rooms.localhost")).unwrap()
}

impl Kit {
    async fn say_in(&self, name: &str, nick: &str, retention: &str) -> u64 {
        let room = room(name);
        let text = format!(
            "<message from='{room}/{nick}' type='groupchat'><body>hi</body>\
             <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' \
             role='participant' jid='{nick}@localhost'/></x></message>"
        );
        let entry = Entry {
            owners: vec![Owner { account: room.clone(), with: room }],
            text: Bytes::from(text),
            handled: None,
            queued: None,
            retention: retention.parse().unwrap(),
        };
        self.append(entry).await.unwrap()
    }

    async fn in_room(&self, name: &str) -> Vec<u64> {
        let most = cloister::archive::Most { items: 5000, bytes: 1 << 24 };
        let filter = Filter::default();
        let found = self.archive.page(&room(name), &filter, From::Start, most).await.unwrap();
        found.items.iter().map(|item| item.number).collect()
    }
}

#[tokio::test]
async fn a_message_is_in_the_rooms_archive_once_and_in_nobody_elses() {
    let kit = Kit::start().await;
    let number = kit.say_in("coven", "romeo", "30d").await;
    assert_eq!(kit.in_room("coven").await, [number]);
    assert_eq!(kit.in_room("other").await, [0; 0]);
    assert!(kit.archive.owns(&room("coven"), number).await.unwrap());
    assert!(!kit.archive.owns(&jid("romeo"), number).await.unwrap());
    assert!(kit.numbers("romeo").await.is_empty());
    let with_itself = Filter { with: Some(room("coven")), ..Filter::default() };
    let most = cloister::archive::Most { items: 10, bytes: 1 << 20 };
    let page = kit.archive.page(&room("coven"), &with_itself, From::End, most).await.unwrap();
    assert_eq!(page.items.len(), 1);
    let kit = kit.reopen().await;
    assert_eq!(kit.in_room("coven").await, [number]);
}

#[tokio::test]
async fn rooms_and_accounts_share_one_sequence_and_each_counts_its_own() {
    let kit = Kit::start().await;
    let first = kit.say_in("coven", "romeo", "30d").await;
    let between = kit.say("romeo", "juliet", "30d").await.unwrap();
    let last = kit.say_in("coven", "juliet", "forever").await;
    assert!(first < between && between < last);
    let all = Filter::default();
    assert_eq!(kit.archive.count(&room("coven"), &all, 10).await, Ok(Some(2)));
    assert_eq!(kit.archive.count(&room("coven"), &all, 1).await, Ok(None));
    assert_eq!(kit.archive.edges(&room("coven"), &all).await, Ok(Some((first, last))));
    assert_eq!(kit.archive.edges(&room("other"), &all).await, Ok(None));
    assert_eq!(kit.numbers("romeo").await, [between]);
}

#[tokio::test]
async fn a_room_that_is_removed_leaves_no_text_and_takes_nothing_of_others() {
    let kit = Kit::start().await;
    let mut numbers = Vec::new();
    for retention in ["30d", "forever"] {
        for _ in 0..300 {
            numbers.push(kit.say_in("coven", "romeo", retention).await);
        }
        kit.advance(8 * DAY);
    }
    let other = kit.say_in("coven2", "romeo", "30d").await;
    let chat = kit.say("romeo", "juliet", "30d").await.unwrap();
    kit.archive.remove_account(&room("coven")).await.unwrap();
    assert_eq!(kit.in_room("coven").await, [0; 0]);
    for number in numbers {
        assert_eq!(kit.archive.text(number).await, Ok(None));
    }
    assert_eq!(kit.in_room("coven2").await, [other]);
    assert_eq!(kit.numbers("juliet").await, [chat]);
}

#[tokio::test]
async fn an_account_that_is_removed_takes_nothing_of_the_room() {
    let kit = Kit::start().await;
    let number = kit.say_in("coven", "romeo", "30d").await;
    kit.archive.remove_account(&jid("romeo")).await.unwrap();
    assert_eq!(kit.in_room("coven").await, [number]);
    assert!(kit.archive.text(number).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_over_is_trimmed_with_its_text() {
    let kit = Kit::start().await;
    let old = kit.say_in("coven", "romeo", "30d").await;
    kit.advance(DAY);
    let new = kit.say_in("coven", "romeo", "30d").await;
    let before = Timestamp(old + 1);
    assert_eq!(kit.archive.trim(&room("coven"), before).await, Ok((1, false)));
    assert_eq!(kit.in_room("coven").await, [new]);
    assert_eq!(kit.archive.text(old).await, Ok(None));
    assert!(kit.archive.text(new).await.unwrap().is_some());
}

#[tokio::test]
async fn a_room_with_a_shorter_retention_than_its_directory_is_trimmed_when_things_expire() {
    let kit = Kit::start().await;
    // As when the retention was longer then.
    let old = kit.say_in("coven", "romeo", "30d").await;
    kit.advance(3 * DAY);
    let new = kit.say_in("coven", "romeo", "30d").await;
    let retentions = ["30d", "2d"].map(|text| text.parse().unwrap());
    let policy = Policy {
        retentions: retentions.to_vec(),
        accounts: vec![(BareJid::parse(ROOM).unwrap(), retentions[1])],
    };
    let expired = kit.archive.expire(&policy).await.unwrap();
    assert_eq!((expired.entries, expired.directories), (1, 0));
    assert_eq!(kit.in_room("coven").await, [new]);
    assert_eq!(kit.archive.text(old).await, Ok(None));
}

#[tokio::test]
async fn a_rooms_directory_goes_when_its_newest_message_is_over() {
    let kit = Kit::start().await;
    kit.say_in("coven", "romeo", "7d").await;
    kit.advance(9 * DAY);
    let new = kit.say_in("coven", "romeo", "7d").await;
    let policy = Policy { retentions: vec!["7d".parse().unwrap()], accounts: Vec::new() };
    assert_eq!(kit.archive.expire(&policy).await.unwrap().directories, 1);
    assert_eq!(kit.in_room("coven").await, [new]);
    assert!(new > NOW);
}

#[tokio::test]
async fn what_a_shorter_filter_hides_is_not_shown_before_it_is_deleted() {
    let kit = Kit::start().await;
    let old = kit.say_in("coven", "romeo", "30d").await;
    let new = kit.say_in("coven", "romeo", "30d").await;
    let filter = Filter { not_before: Some(Timestamp(old + 1)), ..Filter::default() };
    assert_eq!(kit.archive.edges(&room("coven"), &filter).await, Ok(Some((new, new))));
    assert_eq!(kit.archive.count(&room("coven"), &filter, 10).await, Ok(Some(1)));
}
