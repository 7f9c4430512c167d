//! What the files in `server/locales/` have to contain, table by table. A text that is missing, or
//! that nobody asks for, is a mistake that the tests of [`super::language`] find.

/// All that pages say.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Texts {
    pub name: String,
    pub page: PageTexts,
    pub invite: InviteTexts,
}

/// The frame of every page.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageTexts {
    pub skip: String,
    pub languages: String,
    pub navigation: String,
}

/// The page of an invitation.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InviteTexts {
    pub title: String,
    pub title_from: String,
    pub lead: String,
    pub contact: String,
    pub room: String,
    pub admin: String,
    pub until: String,
    pub date: String,
    pub private: String,
    pub apps: AppsTexts,
    pub form: FormTexts,
    pub error: ErrorTexts,
    pub reset: ResetTexts,
    pub done: DoneTexts,
    pub over: OverTexts,
}

/// The apps that there are, and how one goes on with an app.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppsTexts {
    pub title: String,
    pub get: String,
    pub android: String,
    pub ios: String,
    pub computer: String,
    pub others: String,
    pub conversations: String,
    pub cheogram: String,
    pub monal: String,
    pub siskin: String,
    pub gajim: String,
    pub dino: String,
    pub monal_mac: String,
    pub open_title: String,
    pub open_text: String,
    pub open: String,
    pub scan_title: String,
    pub scan_text: String,
    pub code: String,
    pub show_code: String,
}

/// The form for name and password.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FormTexts {
    pub title: String,
    pub alone: String,
    pub text: String,
    pub name: String,
    pub name_hint: String,
    pub name_fixed: String,
    pub password: String,
    pub password_hint: String,
    pub again: String,
    pub submit: String,
    pub wrong: String,
    pub wrong_text: String,
    pub title_wrong: String,
}

/// What can be wrong with what was filled in; each stands beside its field.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorTexts {
    pub name_empty: String,
    pub name_taken: String,
    pub name_reserved: String,
    pub name_unusable: String,
    pub name_mixed: String,
    pub name_looks: String,
    pub name_fixed: String,
    pub password_empty: String,
    pub password_short: String,
    pub password_unusable: String,
    pub differ: String,
}

/// The page for a new password.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetTexts {
    pub title: String,
    pub lead: String,
    pub text: String,
    pub address: String,
    pub password: String,
    pub again: String,
    pub submit: String,
    pub done_title: String,
    pub done_text: String,
}

/// The page after an account was made.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DoneTexts {
    pub title: String,
    pub lead: String,
    pub address: String,
    pub password: String,
    pub password_text: String,
    pub next: String,
    pub login_title: String,
    pub login_text: String,
    pub open: String,
}

/// Why there is nothing to redeem.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OverTexts {
    pub used_title: String,
    pub used_text: String,
    pub expired_title: String,
    pub expired_text: String,
    pub unknown_title: String,
    pub unknown_text: String,
    pub gone_title: String,
    pub gone_text: String,
    pub wait_title: String,
    pub wait_text: String,
    pub failed_title: String,
    pub failed_text: String,
    pub foreign_title: String,
    pub foreign_text: String,
    pub large_title: String,
    pub large_text: String,
}
