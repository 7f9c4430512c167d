//! The pages themselves: what stands in the templates, and nothing of the server.

use askama::Template;

use super::apps::{Apps, Device};
use crate::clock::Timestamp;
use crate::pages::texts::InviteTexts;
use crate::pages::{Frame, Language, Markup, fill, qr};

/// Who looks, and at which domain.
#[derive(Clone)]
pub struct Reader {
    pub language: &'static Language,
    pub device: Option<Device>,
    pub domain: String,
}

/// What an invitation offers, in words.
#[derive(Clone, Default)]
pub struct Offer {
    pub inviter: Option<String>,
    /// Who will be a contact.
    pub contact: Option<String>,
    pub room: Option<String>,
    pub admin: bool,
    pub until: Option<Timestamp>,
    /// The only name that may be chosen.
    pub name: Option<String>,
    /// For apps.
    pub uri: String,
    /// Of this page.
    pub link: String,
    /// Characters of a password.
    pub least: usize,
}

/// What was filled in and is shown again, and what was wrong with it. Never a password.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Filled {
    pub name: String,
    pub name_error: String,
    pub password_error: String,
    pub again_error: String,
}

impl Filled {
    /// Whether something is wrong with it.
    pub fn is_wrong(&self) -> bool {
        [&self.name_error, &self.password_error, &self.again_error].iter().any(|e| !e.is_empty())
    }
}

/// The page behind the link.
#[derive(Template)]
#[template(path = "invite.html")]
pub struct Invite {
    frame: Frame,
    t: &'static InviteTexts,
    apps: Apps,
    is_phone: bool,
    code: Option<Markup>,
    heading: String,
    offer: Offer,
    filled: Filled,
}

/// The same for a new password.
#[derive(Template)]
#[template(path = "invite_reset.html")]
pub struct Reset {
    frame: Frame,
    t: &'static InviteTexts,
    address: String,
    least: usize,
    filled: Filled,
}

/// An account was made, or has a new password.
#[derive(Template)]
#[template(path = "invite_done.html")]
pub struct Done {
    frame: Frame,
    t: &'static InviteTexts,
    apps: Apps,
    heading: String,
    lead: &'static str,
    address: String,
    uri: String,
    offer: Offer,
}

/// There is nothing to be redeemed.
#[derive(Template)]
#[template(path = "invite_over.html")]
pub struct Over {
    frame: Frame,
    t: &'static InviteTexts,
    apps: Option<Apps>,
    text: String,
}

impl Reader {
    /// What the pages say to this reader.
    pub fn texts(&self) -> &'static InviteTexts {
        &self.language.texts().invite
    }

    fn frame(&self, title: &str) -> Frame {
        Frame::new(self.language, title, &self.domain)
    }

    fn titled(&self, title: &str, filled: &Filled) -> Frame {
        match filled.is_wrong() {
            // Who does not see the page hears its title first.
            true => self.frame(&fill(&self.texts().form.title_wrong, &[("title", title)])),
            false => self.frame(title),
        }
    }

    pub fn invite(&self, offer: Offer, filled: Filled) -> Invite {
        let t = self.texts();
        let heading = match &offer.inviter {
            Some(inviter) => fill(&t.title_from, &[("inviter", inviter)]),
            None => t.title.clone(),
        };
        Invite {
            frame: self.titled(&heading, &filled),
            t,
            apps: Apps::on(self.device),
            is_phone: self.device.is_some_and(Device::is_phone),
            code: qr::svg(&offer.link, &t.apps.code),
            heading,
            offer,
            filled,
        }
    }

    pub fn reset(&self, address: String, least: usize, filled: Filled) -> Reset {
        let t = self.texts();
        Reset { frame: self.titled(&t.reset.title, &filled), t, address, least, filled }
    }

    pub fn welcome(&self, name: &str, address: String, uri: String, offer: Offer) -> Done {
        let t = self.texts();
        let heading = fill(&t.done.title, &[("name", name)]);
        self.done(heading, &t.done.lead, address, uri, offer)
    }

    pub fn renewed(&self, address: String, uri: String) -> Done {
        let t = &self.texts().reset;
        self.done(t.done_title.clone(), &t.done_text, address, uri, Offer::default())
    }

    fn done(
        &self,
        heading: String,
        lead: &'static str,
        address: String,
        uri: String,
        offer: Offer,
    ) -> Done {
        let (frame, t, apps) = (self.frame(&heading), self.texts(), Apps::on(self.device));
        Done { frame, t, apps, heading, lead, address, uri, offer }
    }

    /// `apps` for whom the way goes on with one.
    pub fn over(&self, title: &str, text: String, apps: bool) -> Over {
        let apps = apps.then(|| Apps::on(self.device));
        Over { frame: self.frame(title), t: self.texts(), apps, text }
    }
}

impl Offer {
    fn until(&self, t: &InviteTexts) -> Option<String> {
        let moment = self.until?.to_rfc3339();
        let mut parts = moment.split('T').next()?.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let date = fill(&t.date, &[("year", year), ("month", month), ("day", day)]);
        Some(fill(&t.until, &[("date", &date)]))
    }
}

/// For templates: a text with one value.
fn with(text: &str, name: &str, value: &str) -> String {
    fill(text, &[(name, value)])
}

fn least(text: &str, least: &usize) -> String {
    fill(text, &[("least", &least.to_string())])
}
