//! The copy that is made before a migration.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::super::{
    disk::sync_dir,
    engine::Engine,
    error::{Result, StoreError},
    options::Options,
};

/// Closes the store and copies its directory to `<backups>/schema-N-<count>`. Complete when it has that name.
pub(super) fn copy(engine: Engine, schema: u32, options: &Options) -> Result<PathBuf> {
    engine.close();
    let told = |error: io::Error| {
        StoreError::io(format!("copying the store to {}", options.backups.display()), &error)
    };
    fs::create_dir_all(&options.backups).map_err(told)?;
    let target = free_name(&options.backups, schema);
    let partial = options.backups.join("partial");
    tracing::info!(to = %target.display(), "copying the store before its migration");
    let copied = copy_into(&options.dir, &partial, &target);
    if copied.is_err() && partial.exists() {
        fs::remove_dir_all(&partial).map_err(told)?;
    }
    copied.map_err(told)?;
    Ok(target)
}

fn copy_into(from: &Path, partial: &Path, target: &Path) -> io::Result<()> {
    if partial.exists() {
        fs::remove_dir_all(partial)?;
    }
    copy_dir(from, partial)?;
    fs::rename(partial, target)?;
    target.parent().map_or(Ok(()), sync_dir)
}

fn copy_dir(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            File::open(&target)?.sync_all()?;
        }
    }
    sync_dir(to)
}

/// Counted, not dated: no clock is needed, and nothing is overwritten.
fn free_name(backups: &Path, schema: u32) -> PathBuf {
    let names = (1_u32..).map(|count| backups.join(format!("schema-{schema}-{count}")));
    names.into_iter().find(|name| !name.exists()).unwrap_or_else(|| backups.join("schema"))
}
