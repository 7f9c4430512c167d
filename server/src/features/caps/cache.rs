//! What is known of clients by their verification string, in memory and in the store, so that after
//! a restart not all of them are asked again (XEP-0115 §8.2).
//!
//! Only what a hash has proved is in here: one client could otherwise speak for all others of its kind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::server::Server;
use crate::store::{Batch, Page, Range, Record, StoreError, Tree};
use crate::sync::lock;

/// By the name of the hash function and the verification string.
pub(super) static CAPABILITIES: Tree<(String, String), Stored> = Tree::new(0x50, "capabilities");

/// Versions of clients that are remembered: more than there are. Beyond them the one is forgotten that
/// nobody has come with for the longest time.
const ENTRIES_MAX: usize = 1000;

/// Rows that are read at a time at the start.
const PAGE: u16 = 256;

/// What follows a node's name in a feature, XEP-0060 §9.2.
const NOTIFY: &str = "+notify";

/// Nodes of which one client may want to be notified; those of today name one or two dozen.
const NODES_MAX: usize = 256;

/// Bytes in the name of such a node. Well-known nodes are named by a namespace.
const NODE_MAX: usize = 256;

/// Bytes in all of their names: what a session may hold, and 8 MiB in the whole cache.
const BYTES_MAX: usize = 8 * 1024;

/// Of which nodes a client wants to be notified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interests(Box<[Box<str>]>);

impl Interests {
    /// Reads them from the text that a verification string is the hash of. What is too much is left
    /// out, the same for every client with that text.
    pub(super) fn read(text: &str) -> Self {
        Self::of(text.split('<').filter_map(|part| part.strip_suffix(NOTIFY)))
    }

    fn of<'a>(nodes: impl IntoIterator<Item = &'a str>) -> Self {
        let usable = |node: &&str| !node.is_empty() && node.len() <= NODE_MAX;
        let mut nodes: Vec<_> = nodes.into_iter().filter(usable).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let mut bytes = 0;
        let fits = |node: &&str| {
            bytes += node.len();
            bytes <= BYTES_MAX
        };
        Interests(nodes.into_iter().take(NODES_MAX).take_while(fits).map(Box::from).collect())
    }

    /// Whether that node is one of them.
    pub fn contains(&self, node: &str) -> bool {
        self.0.binary_search_by(|known| (**known).cmp(node)).is_ok()
    }

    /// Their names, in byte order.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|node| &**node)
    }

    /// Those that are not among the others.
    pub(super) fn beyond(&self, others: &Interests) -> Vec<String> {
        self.nodes().filter(|node| !others.contains(node)).map(str::to_owned).collect()
    }
}

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    wants: Vec<String>,
}

impl Record for Stored {}

/// What is known of all clients. The store holds the same.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: Mutex<Entries>,
    loaded: OnceCell<()>,
}

impl Cache {
    /// What the clients want that have this verification string, if one of them has proved it.
    pub(super) async fn find(
        &self,
        server: &Server,
        hash: &str,
        ver: &str,
    ) -> Option<Arc<Interests>> {
        self.load(server).await;
        lock(&self.entries).find(hash, ver)
    }

    /// Remembers what a verification string stands for.
    pub(super) async fn add(
        &self,
        server: &Server,
        hash: &str,
        ver: &str,
        interests: &Arc<Interests>,
    ) {
        self.load(server).await;
        let key = (hash.to_owned(), ver.to_owned());
        let mut batch = Batch::new();
        let wants = interests.nodes().map(str::to_owned).collect();
        batch.put(&CAPABILITIES, &key, &Stored { wants });
        if let Some(forgotten) = lock(&self.entries).add(key, Arc::clone(interests)) {
            batch.delete(&CAPABILITIES, &forgotten);
        }
        // Whatever is lost is asked again.
        if let Err(error) = server.store.hint(batch).await {
            tracing::warn!(%error, "what a client can do was not kept");
        }
    }

    async fn load(&self, server: &Server) {
        let loaded = self.loaded.get_or_try_init(|| async {
            let forgotten = self.fill(read(server).await?);
            let mut batch = Batch::new();
            for key in &forgotten {
                batch.delete(&CAPABILITIES, key);
            }
            if forgotten.is_empty() { Ok(()) } else { server.store.hint(batch).await }
        });
        if let Err(error) = loaded.await {
            tracing::warn!(%error, "what clients can do cannot be read and is asked again");
        }
    }

    /// Takes what was stored; returns what is too much.
    fn fill(&self, stored: Vec<(Key, Stored)>) -> Vec<Key> {
        let mut entries = lock(&self.entries);
        let add = |(key, stored): (Key, Stored)| {
            let interests = Interests::of(stored.wants.iter().map(String::as_str));
            entries.add(key, Arc::new(interests))
        };
        stored.into_iter().filter_map(add).collect()
    }
}

async fn read(server: &Server) -> Result<Vec<(Key, Stored)>, StoreError> {
    let mut known: Vec<(Key, Stored)> = Vec::new();
    loop {
        let page = match known.last() {
            Some((last, _)) => Page::first(PAGE).after(last),
            None => Page::first(PAGE),
        };
        let found = server.store.scan(&CAPABILITIES, &Range::all(), page).await?;
        let more = found.more && !found.rows.is_empty();
        known.extend(found.rows);
        if !more {
            return Ok(known);
        }
    }
}

type Key = (String, String);

#[derive(Debug, Default)]
struct Entries {
    known: HashMap<Key, Entry>,
    /// Counts what is asked of this map: the clock of "the longest time".
    turn: u64,
}

#[derive(Debug)]
struct Entry {
    interests: Arc<Interests>,
    used: u64,
}

impl Entries {
    fn find(&mut self, hash: &str, ver: &str) -> Option<Arc<Interests>> {
        self.turn += 1;
        let entry = self.known.get_mut(&(hash.to_owned(), ver.to_owned()))?;
        entry.used = self.turn;
        Some(Arc::clone(&entry.interests))
    }

    /// Adds an entry; says which one had to go.
    fn add(&mut self, key: Key, interests: Arc<Interests>) -> Option<Key> {
        self.turn += 1;
        let entry = Entry { interests, used: self.turn };
        let is_new = self.known.insert(key.clone(), entry).is_none();
        if !is_new || self.known.len() <= ENTRIES_MAX {
            return None;
        }
        let oldest = self.known.iter().min_by_key(|(_, entry)| entry.used)?.0.clone();
        self.known.remove(&oldest);
        Some(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(interests: &Interests) -> Vec<&str> {
        interests.nodes().collect()
    }

    #[test]
    fn xep_0060_s9_2_a_node_is_wanted_by_its_name_and_notify() {
        let interests = Interests::read("client/pc//A<b+notify<b<a+notify<+notify<notify<");
        assert_eq!(nodes(&interests), ["a", "b"]);
        assert!(interests.contains("a") && !interests.contains("notify"));
    }

    #[test]
    fn a_client_wants_no_more_than_can_be_kept() {
        let many: String = (0..1000).map(|node| format!("{node:04}+notify<")).collect();
        assert_eq!(Interests::read(&many).nodes().len(), NODES_MAX);
        let long = format!("{}+notify<", "a".repeat(NODE_MAX + 1));
        assert_eq!(Interests::read(&long).nodes().len(), 0);
        let large: String = (0..100).map(|n| format!("{n:0width$}+notify<", width = 200)).collect();
        assert_eq!(Interests::read(&large).nodes().len(), BYTES_MAX / 200);
    }

    #[test]
    fn what_is_new_is_what_was_not_wanted_before() {
        let (old, new) = (Interests::of(["a", "b"]), Interests::of(["b", "c"]));
        assert_eq!(new.beyond(&old), ["c"]);
        assert!(new.beyond(&new).is_empty());
    }

    #[test]
    fn the_one_that_nobody_came_with_for_longest_is_forgotten() {
        let mut entries = Entries::default();
        let key = |number: usize| ("sha-1".to_owned(), number.to_string());
        for number in 0..ENTRIES_MAX {
            assert_eq!(entries.add(key(number), Arc::default()), None);
        }
        assert!(entries.find("sha-1", "0").is_some());
        assert_eq!(entries.add(key(0), Arc::default()), None);
        assert_eq!(entries.add(key(ENTRIES_MAX), Arc::default()), Some(key(1)));
        assert!(entries.find("sha-1", "1").is_none());
        assert_eq!(entries.known.len(), ENTRIES_MAX);
    }
}
