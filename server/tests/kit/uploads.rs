//! Files, as clients upload and fetch them (XEP-0363).

use std::path::PathBuf;

use cloister::ns;
use cloister::xml::Element;

use super::http::{Http, Response, target};
use super::{Client, Cloister, element};

/// Where the service of `localhost` is.
pub const SERVICE: &str = "upload.localhost";

/// A slot.
#[derive(Clone, Debug)]
pub struct Slot {
    pub put: String,
    pub get: String,
}

/// The request for a slot.
pub fn request(name: &str, size: usize, kind: Option<&str>, purpose: &str) -> String {
    let request = Element::new(ns::HTTP_UPLOAD, "request")
        .with_attr("filename", name)
        .with_attr("size", size.to_string())
        .with_attr_opt("content-type", kind);
    match purpose {
        "" => request.to_xml(),
        purpose => request.with_child(element(purpose)).to_xml(),
    }
}

/// Asks for a slot that is granted.
pub async fn slot(client: &Client, name: &str, size: usize, kind: Option<&str>) -> Slot {
    granted(client, &request(name, size, kind, "")).await
}

/// Asks for a slot in any way; it is granted.
pub async fn granted(client: &Client, request: &str) -> Slot {
    let answer = client.iq_ok("get", Some(SERVICE), request).await;
    let slot =
        answer.child(ns::HTTP_UPLOAD, "slot").unwrap_or_else(|| panic!("{}", answer.to_xml()));
    let url = |name| slot.child(ns::HTTP_UPLOAD, name).and_then(|url| url.attr("url")).unwrap();
    Slot { put: url("put").to_owned(), get: url("get").to_owned() }
}

/// Asks for a slot that is refused; the condition of the error.
pub async fn refused(client: &Client, request: &str) -> String {
    client.iq_error("get", Some(SERVICE), request).await
}

/// A connection for HTTP/1.1.
pub async fn http(server: &Cloister) -> Http {
    Http::tls(server.https(), server.authority().client(), "localhost").await
}

/// Uploads.
pub async fn put(server: &Cloister, slot: &Slot, body: &[u8]) -> Response {
    http(server).await.request("PUT", target(&slot.put), &[], body).await
}

/// Fetches, with these headers.
pub async fn get(server: &Cloister, slot: &Slot, headers: &[(&str, &str)]) -> Response {
    http(server).await.request("GET", target(&slot.get), headers, b"").await
}

/// A file that is there.
pub async fn uploaded(
    server: &Cloister,
    client: &Client,
    name: &str,
    kind: Option<&str>,
    body: &[u8],
) -> Slot {
    let slot = slot(client, name, body.len(), kind).await;
    let answer = put(server, &slot, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    slot
}

/// Everything below the directory of uploads that is no directory.
pub fn on_disk(server: &Cloister) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut dirs = vec![server.directory().join("data/uploads")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { dirs.push(path) } else { files.push(path) }
        }
    }
    files
}

/// Waits until so many files lie on the disk.
pub async fn files(server: &Cloister, count: usize) {
    super::within("files on the disk", async {
        while on_disk(server).len() != count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
