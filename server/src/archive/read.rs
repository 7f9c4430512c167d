//! Reading: pages of an account's messages, oldest first, over all directories.
//!
//! A page is a merge of the series, each of which is its directories in the order of time. A directory is
//! opened when the merge cannot go on without it, so a page of the newest touches the newest only. From a
//! directory as many rows as are wanted come in one go, with their texts.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::shelf::{Directory, Lease, Shelf};
use super::trees::{BODY, TIMELINE, WITH};
use super::{Archive, Filter, Found, From, Item, Most};
use crate::jid::BareJid;
use crate::store::{Batch, Expect, PAGE_MAX, Page, Place, Range, Result, StoreError, View};

/// Rows of an index that are walked at a time where only numbers are wanted.
const WALK: Most = Most { items: PAGE_MAX as usize - 1, bytes: usize::MAX };

/// Up to so many messages are read on the caller's thread from the directory that is written to, which is
/// mostly in memory: a thread hop costs as much as ten reads.
const HERE: usize = 16;

impl Archive {
    /// Reads a page. `more` is exact: whether anything that fits the filter lies beyond, in the direction
    /// that was read.
    pub async fn page(
        &self,
        account: &BareJid,
        filter: &Filter,
        from: From,
        most: Most,
    ) -> Result<Found> {
        let mut filter = filter.clone();
        let reverse = match from {
            From::Start => false,
            From::End => true,
            From::After(number) => {
                filter.after = filter.after.max(Some(number));
                false
            }
            From::Before(number) => {
                filter.before = Some(filter.before.map_or(number, |before| before.min(number)));
                true
            }
        };
        let mut walk = self.walk(account, &filter, reverse)?;
        walk.texts = true;
        let mut found = walk.collect(most).await?;
        if reverse {
            found.items.reverse();
        }
        Ok(found)
    }

    /// A message's text, whoever owns it.
    pub async fn text(&self, number: u64) -> Result<Option<Bytes>> {
        Ok(self.find(number).await?.map(|(_, text)| text))
    }

    /// Whether a message is in an account's timeline. Whether it is within the account's retention its
    /// number tells.
    pub async fn owns(&self, account: &BareJid, number: u64) -> Result<bool> {
        self.0.check_open()?;
        if number > self.settled() {
            return Ok(false);
        }
        let key = (account.domain(), account.local().unwrap_or_default(), number);
        for directory in self.0.shelf.holding(number, number).into_iter().flatten() {
            if let Some(store) = self.0.shelf.open(&directory).await?
                && store.get(&TIMELINE, &key).await?.is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The oldest and the newest number.
    pub async fn edges(&self, account: &BareJid, filter: &Filter) -> Result<Option<(u64, u64)>> {
        let one = Most { items: 1, bytes: usize::MAX };
        let oldest = self.walk(account, filter, false)?.collect(one).await?;
        let newest = self.walk(account, filter, true)?.collect(one).await?;
        let ends = oldest.items.first().zip(newest.items.first());
        Ok(ends.map(|(oldest, newest)| (oldest.number, newest.number)))
    }

    /// How many there are. `None`: more than `most`, which were not counted further.
    pub async fn count(
        &self,
        account: &BareJid,
        filter: &Filter,
        most: u64,
    ) -> Result<Option<u64>> {
        let mut filter = filter.clone();
        let mut count = 0_u64;
        loop {
            let found = self.walk(account, &filter, false)?.collect(WALK).await?;
            count = count.saturating_add(u64::try_from(found.items.len()).unwrap_or(u64::MAX));
            if count > most {
                return Ok(None);
            }
            match found.items.last() {
                Some(last) if found.more => filter.after = Some(last.number),
                _ => return Ok(Some(count)),
            }
        }
    }

    /// Puts another text in a message's place, a tombstone for example. `false`: there is no such message.
    pub async fn replace(&self, number: u64, text: Bytes) -> Result<bool> {
        let Some((store, _)) = self.find(number).await? else {
            return Ok(false);
        };
        let mut batch = Batch::new();
        batch.expect(&BODY, &number, Expect::Present).put(&BODY, &number, &text);
        match store.commit(batch).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes a text that nobody owns.
    pub async fn discard(&self, number: u64) -> Result<()> {
        if let Some((store, _)) = self.find(number).await? {
            let mut batch = Batch::new();
            batch.delete(&BODY, &number);
            store.commit(batch).await?;
        }
        Ok(())
    }

    pub(super) async fn find(&self, number: u64) -> Result<Option<(Lease, Bytes)>> {
        self.0.check_open()?;
        for directory in self.0.shelf.holding(number, number).into_iter().flatten() {
            if let Some(store) = self.0.shelf.open(&directory).await?
                && let Some(text) = store.get(&BODY, &number).await?
            {
                return Ok(Some((store, text)));
            }
        }
        Ok(None)
    }

    fn walk(&self, account: &BareJid, filter: &Filter, reverse: bool) -> Result<Walk<'_>> {
        self.0.check_open()?;
        let index = Index::of(account, filter);
        let (lo, hi) = bounds(filter, self.settled());
        let shelf = &self.0.shelf;
        let mut series = if lo <= hi { shelf.holding(lo, hi) } else { Vec::new() };
        if reverse {
            series.iter_mut().for_each(|directories| directories.reverse());
        }
        let cursor = |directories: Vec<_>| Cursor {
            directories: directories.into(),
            rows: VecDeque::new(),
            lo,
            hi,
        };
        let cursors = series.into_iter().map(cursor).collect();
        Ok(Walk { shelf, index, reverse, texts: false, cursors })
    }
}

/// The numbers that a filter lets through, both inside.
fn bounds(filter: &Filter, settled: u64) -> (u64, u64) {
    let los = [
        filter.start.map(|start| start.0),
        filter.not_before.map(|oldest| oldest.0),
        filter.after.map(|after| after.saturating_add(1)),
    ];
    let his = [filter.end.map(|end| end.0), filter.before.map(|before| before.saturating_sub(1))];
    let lo = los.into_iter().flatten().max().unwrap_or(0);
    let hi = his.into_iter().flatten().min().unwrap_or(u64::MAX).min(settled);
    // Number 0 is nobody's, so that `before` 0 or 1 is the end.
    (lo.max(1), hi)
}

/// Which index is walked.
#[derive(Clone, Debug)]
struct Index {
    domain: String,
    local: String,
    with: Option<String>,
}

impl Index {
    fn of(account: &BareJid, filter: &Filter) -> Self {
        Self {
            domain: account.domain().to_owned(),
            local: account.local().unwrap_or_default().to_owned(),
            with: filter.with.as_ref().map(|with| with.as_str().to_owned()),
        }
    }

    /// Numbers from `lo` to `hi` in the direction of the walk, and whether there are more.
    fn numbers(&self, view: &mut View<'_>, part: &Part) -> Result<(Vec<u64>, bool)> {
        let (domain, local) = (self.domain.as_str(), self.local.as_str());
        let (lo, end) = (part.lo, part.hi.saturating_add(1));
        let limit = u16::try_from(part.rows).unwrap_or(PAGE_MAX);
        if let Some(with) = self.with.as_deref() {
            let range = Range::between(&(domain, local, with, lo), &(domain, local, with, end));
            let found = view.scan(&WITH, &range, &page(limit, part.reverse))?;
            return Ok((found.rows.into_iter().map(|(key, ())| key.3).collect(), found.more));
        }
        let range = Range::between(&(domain, local, lo), &(domain, local, end));
        let found = view.scan(&TIMELINE, &range, &page(limit, part.reverse))?;
        Ok((found.rows.into_iter().map(|(key, _)| key.2).collect(), found.more))
    }

    /// Whether an entry is still there.
    fn holds(&self, view: &mut View<'_>, number: u64) -> Result<bool> {
        let key = (self.domain.as_str(), self.local.as_str(), number);
        Ok(view.get(&TIMELINE, &key)?.is_some())
    }
}

fn page<F>(limit: u16, reverse: bool) -> Page<F> {
    if reverse { Page::last(limit) } else { Page::first(limit) }
}

/// What is wanted of one directory.
#[derive(Clone, Debug)]
struct Part {
    lo: u64,
    hi: u64,
    reverse: bool,
    rows: usize,
    bytes: usize,
    texts: bool,
}

/// What came of it.
#[derive(Debug, Default)]
struct Rows {
    items: VecDeque<Item>,
    /// The last number that was looked at, if there may be more behind it.
    beyond: Option<u64>,
}

impl Part {
    /// Blocking: numbers, and as many texts as may be wanted.
    fn read(&self, view: &mut View<'_>, index: &Index) -> Result<Rows> {
        let (numbers, more) = index.numbers(view, self)?;
        let mut rows = Rows { beyond: numbers.last().copied().filter(|_| more), ..Rows::default() };
        let mut bytes = 0;
        for number in numbers {
            // The text that goes beyond the limit is read too: it says that there is more.
            if bytes > self.bytes {
                rows.beyond = rows.items.back().map(|item| item.number);
                break;
            }
            if let Some(text) = self.text(view, index, number)? {
                bytes += text.len();
                rows.items.push_back(Item { number, text });
            }
        }
        Ok(rows)
    }

    fn text(&self, view: &mut View<'_>, index: &Index, number: u64) -> Result<Option<Bytes>> {
        if !self.texts {
            return Ok(Some(Bytes::new()));
        }
        let text = view.get(&BODY, &number)?;
        // It may have been deleted since its number was read.
        if text.is_none() && index.holds(view, number)? {
            tracing::error!(
                number,
                "a message has lost its text: restore the archive from a backup"
            );
        }
        Ok(text)
    }
}

/// A merge of all series in one direction.
struct Walk<'a> {
    shelf: &'a Shelf,
    index: Index,
    reverse: bool,
    texts: bool,
    cursors: Vec<Cursor>,
}

/// How far one series is read.
struct Cursor {
    /// The directories that are not read to their end, in the direction of the walk.
    directories: VecDeque<Arc<Directory>>,
    rows: VecDeque<Item>,
    lo: u64,
    hi: u64,
}

impl Walk<'_> {
    async fn collect(&mut self, most: Most) -> Result<Found> {
        let mut found = Found::default();
        let mut bytes = 0_usize;
        while let Some(item) = self.next(left(most, found.items.len(), bytes)).await? {
            bytes = bytes.saturating_add(item.text.len());
            let full = found.items.len() >= most.items || bytes > most.bytes;
            if full && !(found.items.is_empty() && most.items > 0) {
                found.more = true;
                break;
            }
            found.items.push(item);
        }
        Ok(found)
    }

    /// The next message; what is read for it is at most `left` and one more.
    async fn next(&mut self, left: Most) -> Result<Option<Item>> {
        loop {
            let reverse = self.reverse;
            let ahead = self.cursors.iter_mut().filter_map(|cursor| {
                let at = cursor.ahead(reverse)?;
                Some((if reverse { u64::MAX - at } else { at }, cursor))
            });
            let Some((_, cursor)) = ahead.min_by_key(|(at, _)| *at) else {
                return Ok(None);
            };
            if let Some(item) = cursor.rows.pop_front() {
                return Ok(Some(item));
            }
            let part = Part {
                lo: cursor.lo,
                hi: cursor.hi,
                reverse,
                rows: left.items.saturating_add(1).min(PAGE_MAX.into()),
                bytes: left.bytes,
                texts: self.texts,
            };
            cursor.load(self.shelf, &self.index, part).await?;
        }
    }
}

fn left(most: Most, items: usize, bytes: usize) -> Most {
    Most { items: most.items.saturating_sub(items), bytes: most.bytes.saturating_sub(bytes) }
}

impl Cursor {
    /// Its next number is this or lies behind it.
    fn ahead(&self, reverse: bool) -> Option<u64> {
        if let Some(item) = self.rows.front() {
            return Some(item.number);
        }
        let directory = self.directories.front()?;
        Some(if reverse {
            self.hi.min(directory.last())
        } else {
            self.lo.max(directory.period.start)
        })
    }

    /// Reads on in the directory that is next.
    async fn load(&mut self, shelf: &Shelf, index: &Index, part: Part) -> Result<()> {
        let Some(directory) = self.directories.front() else { return Ok(()) };
        let Some(store) = shelf.open(directory).await? else {
            self.directories.pop_front();
            return Ok(());
        };
        let now = shelf.options.clock.now().0;
        let hot = part.rows <= HERE && directory.period.end > now;
        let place = if hot { Place::Here } else { Place::Aside };
        let (index, reverse) = (index.clone(), part.reverse);
        let rows = store.view(place, move |view| part.read(view, &index)).await?;
        self.rows = rows.items;
        match rows.beyond {
            Some(last) if reverse => self.hi = last.saturating_sub(1),
            Some(last) => self.lo = last.saturating_add(1),
            None => drop(self.directories.pop_front()),
        }
        Ok(())
    }
}
