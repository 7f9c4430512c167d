//! Files that people have sent: how large they are and until when they stay. What is in them, their names and
//! where they are is for those to whom they were sent.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;

use super::account;
use super::answer::{Failure, Next, Section, Shell, show};
use super::confirm::{Question, confirm};
use super::fields::link;
use super::list::{Paged, count, minute, size};
use super::visit::{Sent, Visit, action, page};
use crate::admin::{Answer, Request, UploadChoice, UploadRow};
use crate::jid::BareJid;
use crate::pages::Markup;
use crate::pages::chart::meter;
use crate::server::Server;

const REMOVE_ALL: &str = "/console/uploads/remove-all";

/// The pages and forms here.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route(Section::Uploads.path(), page(list))
        .route("/console/uploads/remove", action(remove))
        .route(REMOVE_ALL, page(ask_to_remove_all).merge(action(remove_all)))
}

/// Where the files of an account are listed.
pub fn path(account: &str) -> String {
    link(Section::Uploads.path(), &[("account", account)])
}

#[derive(Template)]
#[template(path = "console/uploads.html")]
struct Uploads {
    frame: Shell,
    /// Whose they are, if only one account's are shown, and where all of these are removed.
    account: Option<(String, String)>,
    files: u64,
    bytes: String,
    taken: String,
    most: String,
    full: Markup,
    list: Paged<Row>,
}

struct Row {
    upload: UploadRow,
    href: String,
    size: String,
    uploaded: Option<String>,
    expires: Option<String>,
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let account =
        visit.query.some("account").map(|_| visit.query.account("account")).transpose()?;
    let Answer::Uploads(found) = visit.ask(Request::UploadList { of: account.clone() }).await?
    else {
        return Err(Failure::unexpected());
    };
    let (taken, most) = (size(found.taken), size(found.most));
    let path = account
        .as_ref()
        .map_or_else(|| Section::Uploads.path().to_owned(), |account| path(account.as_str()));
    let removal = |account: BareJid| {
        let to = link(REMOVE_ALL, &[("account", account.as_str())]);
        (account.to_string(), to)
    };
    Ok(show(&Uploads {
        frame: visit.shell(Section::Uploads, "Uploads"),
        account: account.map(removal),
        files: found.files,
        bytes: size(found.bytes),
        full: meter(found.taken, found.most, &format!("{taken} of {most} are taken")),
        taken,
        most,
        list: Paged::of(found.uploads.into_iter().map(row).collect(), &path, &visit.query),
    }))
}

fn row(upload: UploadRow) -> Row {
    Row {
        href: account::path(&upload.account),
        size: size(upload.size),
        uploaded: upload.uploaded.as_deref().map(minute),
        expires: upload.expires.as_deref().map(minute),
        upload,
    }
}

async fn remove(sent: Sent) -> Next {
    let which = UploadChoice::File(sent.fields.text("id").to_owned());
    Next::tell(Section::Uploads.path(), removed(&sent, which).await)
}

async fn ask_to_remove_all(visit: Visit) -> Result<Response, Failure> {
    let account = visit.query.account("account")?.to_string();
    let question = Question {
        text: "Nobody can fetch them any more, not even those to whom they were sent.".to_owned(),
        action: REMOVE_ALL,
        back: path(&account),
        reason: "",
        button: "Remove the files",
        fields: vec![("account", account.clone())],
    };
    Ok(confirm(&visit, Section::Uploads, format!("Remove all files of {account}?"), question))
}

async fn remove_all(sent: Sent) -> Next {
    let done = async {
        let account = sent.fields.account("account")?;
        removed(&sent, UploadChoice::Account(account)).await
    };
    Next::tell(Section::Uploads.path(), done.await)
}

async fn removed(sent: &Sent, which: UploadChoice) -> Result<String, Failure> {
    match sent.ask(Request::UploadRemove { which }).await? {
        Answer::UploadsRemoved { files, bytes } => {
            let files = count(usize::try_from(files).unwrap_or(usize::MAX), "file");
            Ok(format!("Removed: {files} of {}.", size(bytes)))
        }
        _ => Err(Failure::unexpected()),
    }
}
