//! Files that systemd passes to a service (systemd.exec(5), `LoadCredential=`): they lie in a directory that is
//! another one at each start, and that only the service can read.
//!
//! A path that begins with the name of the variable stands for a file there. One variable, only at the
//! beginning, and then the name of one credential: this is no language.

use std::path::{Path, PathBuf};

/// What systemd calls the directory.
const VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// What a path begins with that is to be found there.
const PREFIX: &str = "$CREDENTIALS_DIRECTORY/";

/// The directory with the credentials of this process, if there is one.
#[derive(Clone, Debug, Default)]
pub struct Credentials(Option<PathBuf>);

impl Credentials {
    /// Those in that directory.
    pub fn within(directory: PathBuf) -> Self {
        Credentials(Some(directory))
    }

    /// Those of this process.
    pub fn of_this_process() -> Self {
        // A relative one is not systemd's.
        Credentials(std::env::var_os(VARIABLE).map(PathBuf::from).filter(|dir| dir.is_absolute()))
    }

    /// The path that is meant. Without a directory it stays as it is, and reading it tells why.
    pub(super) fn expand(&self, path: PathBuf) -> PathBuf {
        match (&self.0, path.strip_prefix(PREFIX)) {
            (Some(directory), Ok(name)) => directory.join(name),
            _ => path,
        }
    }
}

/// Whether a path is still to be found among the credentials.
pub(super) fn is_unexpanded(path: &Path) -> bool {
    path.starts_with(PREFIX)
}

/// Whether a text stands for a credential; an error if it looks like it.
pub(super) fn names_one(text: &str) -> Result<bool, String> {
    match text.strip_prefix(PREFIX) {
        None => Ok(false),
        // systemd.exec(5): a credential's name is a file name.
        Some("" | "." | "..") => Err(not_a_name()),
        Some(name) if name.contains('/') => Err(not_a_name()),
        Some(_) => Ok(true),
    }
}

fn not_a_name() -> String {
    format!("does not name a credential; write the name in LoadCredential= behind {PREFIX}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_that_begins_with_the_variable_is_expanded() {
        let credentials = Credentials::within("/run/credentials/cloister.service".into());
        let expand = |path: &str| credentials.expand(path.into());
        assert_eq!(
            expand("$CREDENTIALS_DIRECTORY/key.pem"),
            Path::new("/run/credentials/cloister.service/key.pem")
        );
        for same in ["/c/$CREDENTIALS_DIRECTORY/key.pem", "/$CREDENTIALS_DIRECTORY/key.pem"] {
            assert_eq!(expand(same), Path::new(same));
        }
    }

    #[test]
    fn without_a_directory_the_path_stays() {
        let path = Credentials::default().expand("$CREDENTIALS_DIRECTORY/key.pem".into());
        assert!(is_unexpanded(&path), "{path:?}");
    }

    #[test]
    fn a_credential_has_a_file_name_and_no_path() {
        assert_eq!(names_one("$CREDENTIALS_DIRECTORY/key.pem"), Ok(true));
        assert_eq!(names_one("/run/key.pem"), Ok(false));
        assert_eq!(names_one("$CREDENTIALS_DIRECTORY"), Ok(false));
        for bad in ["", ".", "..", "../key", "a/b", "/etc/key"] {
            names_one(&format!("$CREDENTIALS_DIRECTORY/{bad}")).unwrap_err();
        }
    }
}
