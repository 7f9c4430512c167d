//! Removing all records of an account or a domain, across trees that do not know of each other.
//!
//! One atomic batch where it fits (1 MiB of keys: some ten thousand records). A larger account goes in bounded
//! steps, and the record that says that the account exists goes last, in one batch with what is left. The
//! caller marks that record as leaving *before* it calls: so nobody logs in meanwhile, and after a crash the
//! record is still there to say that the work has to be taken up again.

use super::{
    AsKey, Batch, Key, Result, Store, StoreError, Tree, Value, catalog::TreeInfo, key::Text,
    range::RawRange, read::Want,
};

/// Key bytes removed in one step. A value may bring nine chunk keys with it; ten times this stays below
/// [`super::COMMIT_MAX`].
const STEP_BYTES: usize = 64 * 1024;
const STEP_ROWS: u16 = 256;

impl Store {
    /// Removes everything of an account, with the records of `last` (the tree of accounts) at the end.
    pub async fn remove_account<D, U, K, V>(
        &self,
        domain: &D,
        user: &U,
        last: &Tree<K, V>,
    ) -> Result<()>
    where
        D: AsKey<Form = Text> + ?Sized,
        U: AsKey<Form = Text> + ?Sized,
        K: Key,
        V: Value,
    {
        self.remove_all(|tree| tree.account_prefix(domain, user), last.id()).await
    }

    /// Removes everything of a domain, with the records of `last` (the tree of domains or accounts) at the end.
    pub async fn remove_domain<D, K, V>(&self, domain: &D, last: &Tree<K, V>) -> Result<()>
    where
        D: AsKey<Form = Text> + ?Sized,
        K: Key,
        V: Value,
    {
        self.remove_all(|tree| tree.domain_prefix(domain), last.id()).await
    }

    async fn remove_all(
        &self,
        part: impl Fn(&TreeInfo) -> Option<RawRange>,
        last: u8,
    ) -> Result<()> {
        let trees = || self.catalog().rows().iter().filter(|tree| !tree.retired);
        let mut all: Vec<_> = trees().filter(|tree| tree.id != last).filter_map(&part).collect();
        let rest = all.clone();
        all.extend(trees().filter(|tree| tree.id == last).filter_map(&part));
        match self.commit(of_ranges(&all)).await {
            Err(StoreError::TooLarge { .. }) => {}
            done => return done,
        }
        for range in &rest {
            while self.remove_step(range).await? {}
        }
        // Whole ranges again: what came in since the steps goes too.
        self.commit(of_ranges(&all)).await
    }

    /// Removes the first rows of a range. Tells whether there were any.
    async fn remove_step(&self, range: &RawRange) -> Result<bool> {
        let want = Want { tree: "", range: range.clone(), reverse: false, limit: STEP_ROWS };
        let found = self.page(want).await?;
        let mut batch = Batch::new();
        for (key, _) in found.rows {
            if batch.size() > STEP_BYTES {
                break;
            }
            batch.push(super::Op::Delete(key));
        }
        if batch.is_empty() {
            return Ok(false);
        }
        self.commit(batch).await?;
        Ok(true)
    }
}

fn of_ranges(ranges: &[RawRange]) -> Batch {
    let mut batch = Batch::new();
    for range in ranges {
        batch.delete_raw(range.clone());
    }
    batch
}
