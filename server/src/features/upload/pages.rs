//! Records of uploads, read page by page, and counted.

use super::trees::{Form, Found, UPLOADS, account_key, found};
use crate::jid::BareJid;
use crate::server::Server;
use crate::store::{Page, Range, StoreError};

/// Records that are read at once.
const PAGE: u16 = 256;

/// Those of an account, of a domain, or all.
#[derive(Debug)]
pub struct Pages {
    range: Range<Form>,
    after: Option<(String, String, String)>,
    is_over: bool,
}

impl Pages {
    /// Those of an account.
    pub fn of(owner: &BareJid) -> Self {
        Self::new(Range::prefix(&account_key(owner)))
    }

    /// Those of a domain.
    pub fn of_domain(domain: &str) -> Self {
        Self::new(Range::prefix(domain))
    }

    /// All.
    pub fn all() -> Self {
        Self::new(Range::all())
    }

    fn new(range: Range<Form>) -> Self {
        Pages { range, after: None, is_over: false }
    }

    /// The next page; nothing at the end.
    ///
    /// # Errors
    /// The store's.
    pub async fn next(&mut self, server: &Server) -> Result<Option<Vec<Found>>, StoreError> {
        if self.is_over {
            return Ok(None);
        }
        let page = Page::first(PAGE);
        let page = self.after.as_ref().map_or(page.clone(), |after| page.after(after));
        let rows = server.store.scan(&UPLOADS, &self.range, page).await?;
        self.after = rows.rows.last().map(|(key, _)| key.clone());
        self.is_over = !rows.more || self.after.is_none();
        Ok(Some(rows.rows.into_iter().filter_map(|(key, upload)| found(&key, upload)).collect()))
    }
}

/// Files, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub files: u64,
    /// How large together.
    pub bytes: u64,
}

impl Sum {
    /// Counts others too.
    pub fn add(&mut self, other: Sum) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}
