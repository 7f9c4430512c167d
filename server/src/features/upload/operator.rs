//! What operators do with uploads: they see what there is, and remove it. What is in a file, its name and its
//! URL are not for them.

use super::pages::{Pages, Sum};
use super::stored::{find, remove, uploads};
use super::token::{Id, Token};
use super::trees::Found;
use super::{expire, url};
use crate::clock::Timestamp;
use crate::jid::{BareJid, Domain};
use crate::server::Server;
use crate::store::StoreError;

/// Why something was not done. Each sentence ends with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither a URL nor an id.
    #[error("this is neither the URL of a file nor its id; `cloister upload list` shows the ids")]
    NoFile,
    /// There is none.
    #[error("there is no such file; `cloister upload list` shows those there are")]
    Missing,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An upload.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What is stored of it.
    pub found: Found,
    /// When it will be deleted; never, or nobody knows.
    pub end: Option<Timestamp>,
}

/// Whose uploads are meant.
#[derive(Clone, Debug)]
pub enum Whose {
    /// All.
    Everybody,
    /// Those of a domain's accounts.
    Domain(Domain),
    /// Those of one account.
    Account(BareJid),
}

/// Uploads, slots among them, by account.
///
/// # Errors
/// The store's.
pub async fn list(server: &Server, whose: &Whose) -> Result<Vec<Shown>, StoreError> {
    let mut pages = match whose {
        Whose::Everybody => Pages::all(),
        Whose::Domain(domain) => Pages::of_domain(domain.as_str()),
        Whose::Account(account) => Pages::of(account),
    };
    let mut all = Vec::new();
    while let Some(page) = pages.next(server).await? {
        let shown = |found: Found| {
            let end = expire::end(server, &found.owner, &found.upload);
            Shown { found, end }
        };
        all.extend(page.into_iter().map(shown));
    }
    Ok(all)
}

/// Files that came, without what is promised to slots. Reads all records.
///
/// # Errors
/// The store's.
pub async fn stored(server: &Server) -> Result<Sum, StoreError> {
    let (mut sum, mut pages) = (Sum::default(), Pages::all());
    while let Some(page) = pages.next(server).await? {
        let stored = page.iter().filter(|found| found.upload.stored.is_some());
        stored.for_each(|found| sum.add(Sum { files: 1, bytes: found.upload.size }));
    }
    Ok(sum)
}

/// Bytes that all accounts take, with what is promised to slots.
///
/// # Errors
/// The store's.
pub async fn taken(server: &Server) -> Result<u64, StoreError> {
    Ok(uploads(server).await?.ledger.total())
}

/// Removes the file behind a URL, or of that id.
///
/// # Errors
/// There is none, or the store's.
pub async fn remove_one(server: &Server, what: &str) -> Result<Sum, Error> {
    let of_url = |text: &str| {
        let (_, path) = text.split_once(url::PATH)?;
        Token::parse(path.split('/').next()?).map(|token| token.id())
    };
    let id = Id::parse(what).or_else(|| of_url(what)).ok_or(Error::NoFile)?;
    let found = find(server, id).await?.ok_or(Error::Missing)?;
    Ok(remove(server, &found.owner, &[id]).await?)
}

/// Removes all files of an account.
///
/// # Errors
/// The store's.
pub async fn remove_all(server: &Server, account: &BareJid) -> Result<Sum, StoreError> {
    let (mut sum, mut pages) = (Sum::default(), Pages::of(account));
    while let Some(page) = pages.next(server).await? {
        let ids: Vec<_> = page.iter().map(|found| found.id).collect();
        sum.add(remove(server, account, &ids).await?);
    }
    Ok(sum)
}
