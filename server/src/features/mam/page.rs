//! One page of an archive.
//!
//! The index knows bare addresses and times. Where a full address is asked for, messages are looked
//! at one by one, a bounded number of them.

use super::query::{End, PAGE_MOST, Query};
use crate::archive::{Archive, Filter, From, Item, Most};
use crate::jid::BareJid;
use crate::stanza::{Condition, ErrorType, StanzaError};
use crate::store::StoreError;

/// The most text in a page, in bytes; one message may be larger.
const PAGE_BYTES: usize = 1024 * 1024;

/// Up to so many messages are counted when a client asks how many there are.
const COUNT_MOST: u64 = 10_000;

/// Up to so many messages are looked at one by one.
const LOOK_MOST: usize = 10_000;

/// So many of them at a time.
const LOOK: Most = Most { items: 500, bytes: PAGE_BYTES };

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The messages, the oldest first.
    pub items: Vec<Item>,
    /// Whether there is nothing more in the direction that was read.
    pub is_complete: bool,
    /// How many there are in all, where that is known.
    pub count: Option<u64>,
}

impl Page {
    /// Nothing has to be counted where the page is all there is.
    fn of(items: Vec<Item>, is_complete: bool) -> Self {
        let count = u64::try_from(items.len()).ok().filter(|_| is_complete);
        Page { items, is_complete, count }
    }
}

/// The most that a page may hold, which a client's outbox has to take in one piece.
pub fn most(outbox_stanzas: usize, outbox_bytes: usize) -> Most {
    Most { items: PAGE_MOST.min(outbox_stanzas / 2), bytes: PAGE_BYTES.min(outbox_bytes / 2) }
}

/// Reads what is asked for.
///
/// # Errors
/// `item-not-found` for an id that is not there; the archive failed; `resource-constraint` when
/// nothing was found among as many messages as may be looked at.
pub async fn read(
    archive: &Archive,
    account: &BareJid,
    query: &Query,
    most: Most,
) -> Result<Page, StanzaError> {
    let oldest = query.filter.not_before.map_or(0, |oldest| oldest.0);
    for number in &query.named {
        // What is too old is gone, whether it is deleted yet or not.
        if *number < oldest || !archive.owns(account, *number).await? {
            return Err(Condition::ItemNotFound.into());
        }
    }
    let most = Most { items: most.items.min(query.max), ..most };
    let page = if query.ids.is_some() {
        picked(archive, account, query, most).await
    } else if most.items == 0 {
        counted(archive, account, query).await
    } else if query.address.is_some() {
        sifted(archive, account, query, most).await
    } else {
        plain(archive, account, query, most).await
    }?;
    // XEP-0059 §2.2: of the whole set.
    let count = page.count.filter(|_| query.is_at_end);
    Ok(Page { count, ..page })
}

async fn plain(
    archive: &Archive,
    account: &BareJid,
    query: &Query,
    most: Most,
) -> Result<Page, StanzaError> {
    let found = archive.page(account, &query.filter, start_of(query), most).await?;
    Ok(Page::of(found.items, !found.more))
}

/// XEP-0059 §2.7: only how many there are. If there are more than we count, there is no number: a
/// client is better off without than with a wrong one.
async fn counted(archive: &Archive, account: &BareJid, query: &Query) -> Result<Page, StanzaError> {
    let count = if query.address.is_none() {
        archive.count(account, &query.filter, COUNT_MOST).await?
    } else {
        // All would have to be looked at; whether there is one at all is known sooner.
        let one = Most { items: 1, bytes: PAGE_BYTES };
        let page = sifted(archive, account, query, one).await?;
        page.items.is_empty().then_some(0)
    };
    Ok(Page { items: Vec::new(), is_complete: count == Some(0), count })
}

/// Those that were asked for by their ids; all of them are there.
async fn picked(
    archive: &Archive,
    account: &BareJid,
    query: &Query,
    most: Most,
) -> Result<Page, StanzaError> {
    let ids = query.ids.iter().flatten().copied();
    let ids: Vec<u64> = match query.from {
        End::Oldest => ids.collect(),
        End::Newest => ids.rev().collect(),
    };
    let mut page = Taken::new(most);
    for number in ids {
        let found = found_by_id(archive, account, query, number).await?;
        if let Some(item) = found
            && !page.take(item)
        {
            return Ok(page.done(query.from, false));
        }
    }
    Ok(page.done(query.from, true))
}

/// A message by its id, if it is one of those that are asked for. Its own text says whom it is to
/// and from, except that of what is with oneself the index alone knows.
async fn found_by_id(
    archive: &Archive,
    account: &BareJid,
    query: &Query,
    number: u64,
) -> Result<Option<Item>, StoreError> {
    let after = number.checked_sub(1);
    let before = number.checked_add(1);
    let only = Filter { after, before, ..query.filter.clone() };
    let found = archive.page(account, &only, From::Start, Most { items: 1, ..LOOK }).await?;
    Ok(found.items.into_iter().find(|item| item.number == number && query.takes(item)))
}

/// Looks at messages one by one.
async fn sifted(
    archive: &Archive,
    account: &BareJid,
    query: &Query,
    most: Most,
) -> Result<Page, StanzaError> {
    let mut page = Taken::new(most);
    let (mut filter, mut looked) = (query.filter.clone(), 0);
    loop {
        let found = archive.page(account, &filter, start_of(query), LOOK).await?;
        looked += found.items.len();
        let ends = (found.items.first().map(|i| i.number), found.items.last().map(|i| i.number));
        match query.from {
            End::Oldest => filter.after = ends.1.or(filter.after),
            End::Newest => filter.before = ends.0.or(filter.before),
        }
        for item in in_direction(query.from, found.items) {
            if query.takes(&item) && !page.take(item) {
                return Ok(page.done(query.from, false));
            }
        }
        if !found.more {
            return Ok(page.done(query.from, true));
        }
        if looked >= LOOK_MOST {
            return page.stopped(query.from);
        }
    }
}

/// A page while it is filled.
struct Taken {
    items: Vec<Item>,
    most: Most,
    bytes: usize,
}

impl Taken {
    fn new(most: Most) -> Self {
        Taken { items: Vec::new(), most, bytes: 0 }
    }

    /// Takes a message, if there is room for it. The first one always fits.
    fn take(&mut self, item: Item) -> bool {
        let bytes = self.bytes.saturating_add(item.text.len());
        let fits = self.items.is_empty() || bytes <= self.most.bytes;
        if self.items.len() >= self.most.items || !fits {
            return false;
        }
        self.bytes = bytes;
        self.items.push(item);
        true
    }

    fn done(self, from: End, is_complete: bool) -> Page {
        Page::of(in_direction(from, self.items).collect(), is_complete)
    }

    /// More than may be looked at. A page has to have at least one message, or the next one could
    /// not be asked for.
    fn stopped(self, from: End) -> Result<Page, StanzaError> {
        if !self.items.is_empty() {
            return Ok(self.done(from, false));
        }
        let text = "Nothing was found so far; ask for the bare address, or for a shorter time.";
        let error = StanzaError::new(Condition::ResourceConstraint);
        Err(error.with_type(ErrorType::Modify).with_text(text))
    }
}

fn start_of(query: &Query) -> From {
    match query.from {
        End::Oldest => From::Start,
        End::Newest => From::End,
    }
}

/// From the oldest to the newest, or back; the same again puts them as they were.
fn in_direction(from: End, mut items: Vec<Item>) -> impl Iterator<Item = Item> {
    if from == End::Newest {
        items.reverse();
    }
    items.into_iter()
}
