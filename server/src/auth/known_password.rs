//! Whether a password is an account's, for the operator, who gives it: nobody logs in by that, and
//! nothing is counted.

use super::accounts::{AccountError, Accounts};
use super::password::Password;
use crate::jid::BareJid;

impl Accounts {
    /// Whether that is the account's password.
    ///
    /// # Errors
    /// There is no such account, its record cannot be opened, or the store fails.
    pub async fn has_password(
        &self,
        account: &BareJid,
        password: Password,
    ) -> Result<bool, AccountError> {
        let record = self.find(account).await?.ok_or(AccountError::Missing)?;
        let credentials = record.credentials.open(account, self.pepper.as_ref())?;
        let verify = move || credentials.verify_plain(&password);
        Ok(self.turn().await?.hash(verify).await?.0)
    }
}
