//! What costs more than a look: sizes on the disk, and how many accounts there are.

use crate::features::upload;
use crate::metrics::{ArchiveReading, Holdings, HostReading};
use crate::server::Server;
use crate::store::{StoreError, bytes_under};

/// Looks.
pub(super) async fn look(server: &Server) -> Result<Holdings, StoreError> {
    let config = server.config();
    let mut hosts = Vec::new();
    for host in &config.hosts {
        let accounts = server.accounts.count(&host.domain).await?;
        hosts.push(HostReading { domain: host.domain.as_str().to_owned(), accounts });
    }
    let core = config.data_dir.join("core");
    let store = tokio::task::spawn_blocking(move || bytes_under(&core)).await;
    let (bytes, oldest) = server.archive.extent().await?;
    let uploads = upload::operator::stored(server).await?;
    Ok(Holdings {
        store_bytes: store.ok().and_then(Result::ok).unwrap_or_default(),
        archive: ArchiveReading { bytes, oldest },
        upload_files: uploads.files,
        upload_bytes: uploads.bytes,
        hosts,
    })
}
