//! Invitations, and newcomers who redeem them before they have an account (XEP-0445).

use cloister::features::invite::{self, Invitation, Kind, Wish};
use cloister::jid::{BareJid, Domain, Localpart};
use cloister::ns;
use cloister::xml::Element;

use super::{Cloister, Hash, RawClient, Scram, condition};

/// An invitation to an account of `localhost`, as the operator makes one.
pub async fn invitation(cloister: &Cloister) -> Invitation {
    invitation_with(cloister, |wish| wish).await
}

/// The same, with other wishes.
pub async fn invitation_with(cloister: &Cloister, change: impl FnOnce(Wish) -> Wish) -> Invitation {
    let domain = Domain::parse("localhost").unwrap();
    let wish = change(Wish::account(cloister.server(), domain));
    invite::make(cloister.server(), wish).await.unwrap()
}

/// An account's invitation to be its contact.
pub async fn invitation_of(cloister: &Cloister, inviter: &str) -> Invitation {
    let inviter = BareJid::parse(inviter).unwrap();
    invitation_with(cloister, |wish| Wish {
        kind: Kind::Contact,
        inviter: Some(inviter.clone()),
        contact: Some(inviter),
        ..wish
    })
    .await
}

/// For a name that is chosen already.
pub fn name(text: &str) -> Option<Localpart> {
    Some(Localpart::parse(text).unwrap())
}

/// Somebody who has no account yet, inside TLS.
pub struct Newcomer {
    pub raw: RawClient,
    asked: usize,
}

impl Newcomer {
    pub async fn arrive(cloister: &Cloister) -> Self {
        Newcomer::arrive_at(cloister, "localhost").await
    }

    pub async fn arrive_at(cloister: &Cloister, domain: &str) -> Self {
        let (raw, _) = cloister.opened(domain).await;
        Newcomer { raw, asked: 0 }
    }

    /// Has shown a token that is good.
    pub async fn with(cloister: &Cloister, token: &str) -> Self {
        let mut newcomer = Newcomer::arrive(cloister).await;
        let answer = newcomer.preauth(token).await;
        assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
        newcomer
    }

    /// Asks, and waits for the answer.
    pub async fn ask(&mut self, kind: &str, payload: &str) -> Element {
        self.asked += 1;
        let id = format!("reg{}", self.asked);
        self.raw.send(format!("<iq id='{id}' type='{kind}'>{payload}</iq>")).await;
        let answer = self.raw.element().await;
        assert_eq!(answer.attr("id"), Some(&*id), "{}", answer.to_xml());
        answer
    }

    pub async fn preauth(&mut self, token: &str) -> Element {
        self.ask("set", &format!("<preauth xmlns='urn:xmpp:pars:0' token='{token}'/>")).await
    }

    /// The fields that are asked for.
    pub async fn fields(&mut self) -> Element {
        self.ask("get", "<query xmlns='jabber:iq:register'/>").await
    }

    pub async fn register(&mut self, name: &str, password: &str) -> Element {
        let query = format!("<username>{name}</username><password>{password}</password>");
        self.ask("set", &format!("<query xmlns='jabber:iq:register'>{query}</query>")).await
    }

    /// Registers; says why not.
    pub async fn try_register(&mut self, name: &str, password: &str) -> Result<(), String> {
        outcome(&self.register(name, password).await)
    }

    /// Logs in on the same stream.
    pub async fn log_in(&mut self, name: &str, password: &str) -> Result<(), String> {
        self.raw.scram(&Scram::new(Hash::Sha256, name, password)).await
    }
}

/// Whether it was done, or else the condition.
pub fn outcome(answer: &Element) -> Result<(), String> {
    match answer.attr("type") {
        Some("result") => Ok(()),
        _ => Err(condition(answer)),
    }
}

/// The text of an error.
pub fn error_text(answer: &Element) -> String {
    let error = answer.child(ns::CLIENT, "error").expect("an error");
    error.child(ns::STANZAS, "text").map(|text| text.text().into_owned()).unwrap_or_default()
}

/// An account of somebody who may invite.
pub async fn admin(cloister: &Cloister, name: &str, password: &str) {
    cloister.account(name, password).await;
    let account = BareJid::parse(&format!("{name}@localhost")).unwrap();
    cloister.server().accounts.set_admin(&account, true).await.unwrap();
}
