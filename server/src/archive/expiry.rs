//! Expiry: a directory goes when the retention of its newest message is over.
//!
//! An account whose retention is shorter than that of the directory its messages lie in does not see them
//! any more ([`Filter::not_before`](super::Filter::not_before)); they are removed little by little.
//!
//! What waits for somebody who is away outlasts a short retention: then all else goes from its directory.

use std::sync::Arc;
use std::time::Duration;

use super::shelf::Directory;
use super::trees::{BODY, QUEUED};
use super::{Archive, Expired, Policy, UNSHOWN, status};
use crate::clock::Timestamp;
use crate::config::Retention;
use crate::metrics::Outcome;
use crate::store::{Page, Range, Result};

/// Directories stay this long at least: a stream that began before midnight finds its counter after it.
const LEAST: Duration = Duration::from_secs(86_400);

/// Entries that one call removes from accounts, about; what is left is for the next.
const TRIM: u64 = 20_000;

/// An account is trimmed when this much more of it is over, so that old directories are not opened for
/// some minutes' worth of messages.
const TRIM_EVERY: Duration = Duration::from_secs(3600);

impl Archive {
    /// Deletes what is over. To be called every few minutes; what fails is logged and tried again then.
    pub async fn expire(&self, policy: &Policy) -> Result<Expired> {
        let done = self.expire_all(policy).await;
        let meter = self.meter();
        meter.expiries.count(if done.is_ok() { Outcome::Ok } else { Outcome::Failed });
        if let Ok(expired) = &done {
            meter.expired_bytes.add(expired.bytes);
            meter.expired_entries.add(expired.entries);
        }
        done
    }

    async fn expire_all(&self, policy: &Policy) -> Result<Expired> {
        self.0.check_open()?;
        let mut expired = Expired::default();
        // Nothing that is over is written to any more.
        self.0.desk.roll(&self.0.shelf, None).await?;
        for series in self.0.shelf.all() {
            self.expire_series(&series, &policy.retentions, &mut expired).await;
        }
        self.trim_accounts(policy, &mut expired).await;
        Ok(expired)
    }

    async fn expire_series(
        &self,
        directories: &[Arc<Directory>],
        retentions: &[Retention],
        expired: &mut Expired,
    ) {
        let now = self.now();
        let over = directories.iter().take_while(|directory| {
            oldest_kept(effective(directory.series, retentions), now)
                .is_some_and(|oldest| directory.period.end <= oldest)
        });
        for directory in over {
            match self.expire_one(directory).await {
                Ok(Some(bytes)) => {
                    expired.directories += 1;
                    expired.bytes += bytes;
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "a directory of the archive cannot go"),
            }
        }
    }

    async fn expire_one(&self, directory: &Directory) -> Result<Option<u64>> {
        if directory.series == Retention::Nothing && !self.is_empty(directory).await? {
            return Ok(None);
        }
        let may_wait =
            oldest_kept(UNSHOWN, self.now()).is_none_or(|oldest| directory.period.end > oldest);
        if may_wait && self.has_queued(directory).await? {
            self.strip(directory).await?;
            return Ok(None);
        }
        let bytes = status::on_disk(&self.0.shelf, directory).await;
        self.0.shelf.remove(directory).await?;
        let (series, period) = (directory.series, directory.period);
        tracing::info!(%series, %period, bytes, "a period of the archive has expired");
        Ok(Some(bytes))
    }

    /// What is only kept until it is delivered waits here until that.
    async fn is_empty(&self, directory: &Directory) -> Result<bool> {
        let Some(store) = self.0.shelf.open(directory).await? else { return Ok(true) };
        Ok(store.scan(&BODY, &Range::all(), Page::first(1)).await?.rows.is_empty())
    }

    async fn has_queued(&self, directory: &Directory) -> Result<bool> {
        let Some(store) = self.0.shelf.open(directory).await? else { return Ok(false) };
        Ok(!store.scan(&QUEUED, &Range::all(), Page::first(1)).await?.rows.is_empty())
    }

    async fn trim_accounts(&self, policy: &Policy, expired: &mut Expired) {
        for (account, retention) in &policy.accounts {
            let Some(before) = before(*retention, self.now()) else { continue };
            let trimmed = self.0.tidying.lock().await.get(account).copied();
            let due = trimmed.is_none_or(|to| before.since(Timestamp(to)) >= TRIM_EVERY);
            if !due {
                continue;
            }
            if expired.entries >= TRIM {
                expired.more = true;
                return;
            }
            match self.trim(account, before).await {
                Ok((count, more)) => {
                    expired.entries += count;
                    expired.more |= more;
                }
                Err(error) => tracing::error!(%error, "an account's old messages cannot go"),
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.0.shelf.options.clock.now()
    }
}

/// How long a series' directories stay, by what is configured now. A series that no account uses any more
/// lasts as the next longer one; nothing lasts longer than the longest. With nothing configured all stays.
fn effective(series: Retention, configured: &[Retention]) -> Retention {
    if series == Retention::Nothing {
        return series;
    }
    let longer = configured.iter().filter(|retention| **retention >= series).min();
    longer.or(configured.iter().max()).copied().unwrap_or(Retention::Forever)
}

/// The end of the periods that may go.
fn oldest_kept(retention: Retention, now: Timestamp) -> Option<u64> {
    let kept = match retention {
        Retention::Nothing => LEAST,
        Retention::For(kept) => kept.max(LEAST),
        Retention::Forever => return None,
    };
    now.0.checked_sub(micros(kept))
}

/// Which of an account's messages are over.
fn before(retention: Retention, now: Timestamp) -> Option<Timestamp> {
    match retention {
        Retention::Nothing => Some(now),
        Retention::For(kept) => now.0.checked_sub(micros(kept)).map(Timestamp),
        Retention::Forever => None,
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(series: &str, configured: &[&str]) -> String {
        let configured: Vec<_> = configured.iter().map(|text| text.parse().unwrap()).collect();
        effective(series.parse().unwrap(), &configured).to_string()
    }

    #[test]
    fn a_series_lasts_as_configured() {
        assert_eq!(judged("30d", &["7d", "30d", "forever"]), "30d");
    }

    #[test]
    fn a_series_of_the_past_lasts_as_the_next_longer_one() {
        assert_eq!(judged("14d", &["7d", "30d", "forever"]), "30d");
    }

    #[test]
    fn nothing_lasts_longer_than_the_longest() {
        assert_eq!(judged("forever", &["7d", "30d"]), "30d");
        assert_eq!(judged("60d", &["7d", "0"]), "7d");
    }

    #[test]
    fn with_nothing_configured_nothing_goes() {
        assert_eq!(judged("7d", &[]), "forever");
    }
}
