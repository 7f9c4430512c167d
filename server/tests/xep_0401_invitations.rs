//! XEP-0401: Ad-hoc Account Invitation Generation.

use std::time::Duration;

use cloister::features::accounts;
use cloister::features::invite;
use cloister::jid::{BareJid, Domain};
use cloister::ns;
use cloister::xml::Element;

use crate::kit::invite::{Newcomer, admin, invitation_with, outcome};
use crate::kit::rooms::{ROOM, create_room};
use crate::kit::{Client, Cloister, condition};

const INVITE: &str = "urn:xmpp:invite#invite";
const CREATE: &str = "urn:xmpp:invite#create-account";
const PASSWORD: &str = "balcony rose";

/// Romeo may invite.
async fn romeo(cloister: &Cloister) -> Client {
    admin(cloister, "romeo", "orchard").await;
    cloister.online("romeo/orchard", "orchard").await
}

async fn execute(client: &Client, node: &str, inner: &str) -> Element {
    let command = format!("<command xmlns='{}' node='{node}'{inner}</command>", ns::COMMANDS);
    client.iq("set", Some("localhost"), &command).await
}

async fn begin(client: &Client, node: &str) -> Element {
    execute(client, node, " action='execute'>").await
}

fn command(answer: &Element) -> &Element {
    let command = answer.child(ns::COMMANDS, "command");
    command.unwrap_or_else(|| panic!("no command: {}", answer.to_xml()))
}

/// A field of the form in an answer.
fn field(answer: &Element, var: &str) -> Option<String> {
    let form = command(answer).child(ns::DATA_FORMS, "x").expect("a form");
    let field = form.children().find(|field| field.attr("var") == Some(var))?;
    Some(field.child(ns::DATA_FORMS, "value")?.text().into_owned())
}

/// The token of an invitation that was made.
fn token(answer: &Element) -> String {
    let uri = field(answer, "uri").unwrap();
    let (_, token) = uri.split_once("preauth=").unwrap();
    token.split(';').next().unwrap().to_owned()
}

/// The answer to a form of create-account.
async fn create(client: &Client, fields: &[(&str, &str)]) -> Element {
    let form = begin(client, CREATE).await;
    let session = command(&form).attr("sessionid").unwrap().to_owned();
    let fields = fields
        .iter()
        .map(|(var, value)| format!("<field var='{var}'><value>{value}</value></field>"));
    let fields: String = fields.collect();
    let form = format!("<x xmlns='jabber:x:data' type='submit'>{fields}</x>");
    execute(client, CREATE, &format!(" sessionid='{session}'>{form}")).await
}

async fn listed(client: &Client) -> Vec<String> {
    let query = format!("<query xmlns='{}' node='{}'/>", ns::DISCO_ITEMS, ns::COMMANDS);
    let answer = client.iq_ok("get", Some("localhost"), &query).await;
    let items = answer.child(ns::DISCO_ITEMS, "query").unwrap().children();
    let nodes = items.map(|item| item.attr("node").unwrap().to_owned());
    nodes.filter(|node| node.starts_with(ns::INVITE)).collect()
}

async fn roster(client: &Client) -> Vec<String> {
    let result = client.iq_ok("get", None, "<query xmlns='jabber:iq:roster'/>").await;
    let items = result.child(ns::ROSTER, "query").unwrap().children();
    items
        .map(|item| format!("{} {}", item.attr("jid").unwrap(), item.attr("subscription").unwrap()))
        .collect()
}

#[tokio::test]
async fn s3_administrators_find_both_commands_and_others_none() {
    let cloister = Cloister::start().await;
    let (romeo, juliet) = (romeo(&cloister).await, cloister.online("juliet", PASSWORD).await);
    assert_eq!(listed(&romeo).await, [INVITE, CREATE]);
    assert_eq!(listed(&juliet).await, [""; 0]);
    for node in [INVITE, CREATE] {
        assert_eq!(condition(&begin(&juliet, node).await), "forbidden");
    }
}

#[tokio::test]
async fn the_operator_says_who_may_invite() {
    let host =
        |create: &str| format!("[[host]]\ndomain = 'localhost'\ninvites.create = '{create}'");
    let cloister = Cloister::with(&host("everybody")).await;
    let juliet = cloister.online("juliet", PASSWORD).await;
    assert_eq!(listed(&juliet).await, [INVITE, CREATE]);
    assert_eq!(begin(&juliet, INVITE).await.attr("type"), Some("result"));
    cloister.reload(&host("nobody"));
    let romeo = romeo(&cloister).await;
    assert_eq!(listed(&romeo).await, [""; 0]);
    assert_eq!(condition(&begin(&romeo, INVITE).await), "forbidden");
}

#[tokio::test]
async fn s5_1_an_invitation_comes_at_once_with_its_uri_page_and_end() {
    let cloister = Cloister::start().await;
    let romeo = romeo(&cloister).await;
    let answer = begin(&romeo, INVITE).await;
    assert_eq!(command(&answer).attr("status"), Some("completed"));
    assert_eq!(field(&answer, "FORM_TYPE").as_deref(), Some("urn:xmpp:invite#invitation"));
    let token = token(&answer);
    assert!(token.len() >= 22 && token.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{token}");
    let uri = format!("xmpp:romeo@localhost?roster;preauth={token};ibr=y");
    assert_eq!(field(&answer, "uri"), Some(uri));
    let port = cloister.https().port();
    let page = format!("https://localhost:{port}/invite/{token}");
    assert_eq!(field(&answer, "landing-url"), Some(page));
    assert_eq!(field(&answer, "expire").as_deref(), Some("2026-01-08T00:00:00.000Z"));
}

#[tokio::test]
async fn s5_1_each_invitation_has_a_token_of_its_own() {
    let cloister = Cloister::start().await;
    let romeo = romeo(&cloister).await;
    assert_ne!(token(&begin(&romeo, INVITE).await), token(&begin(&romeo, INVITE).await));
}

#[tokio::test]
async fn s5_4_who_registers_with_it_and_the_inviter_are_contacts_and_he_is_told() {
    let cloister = Cloister::start().await;
    let romeo = romeo(&cloister).await;
    let token = token(&begin(&romeo, INVITE).await);
    let mut juliet = Newcomer::with(&cloister, &token).await;
    assert_eq!(juliet.try_register("juliet", PASSWORD).await, Ok(()));
    let push = romeo.receive_where("a push", |stanza| stanza.has_child(ns::ROSTER, "query")).await;
    let item = push.child(ns::ROSTER, "query").unwrap().children().next().unwrap().clone();
    assert_eq!(item.attr("jid"), Some("juliet@localhost"));
    assert_eq!(item.attr("subscription"), Some("both"));
    let juliet = cloister.online("juliet/balcony", PASSWORD).await;
    assert_eq!(roster(&juliet).await, ["romeo@localhost both"]);
    let is_romeo = |stanza: &Element| stanza.attr("from") == Some("romeo@localhost/orchard");
    juliet.receive_where("his presence", is_romeo).await;
    let is_juliet = |stanza: &Element| stanza.attr("from") == Some("juliet@localhost/balcony");
    romeo.receive_where("her presence", is_juliet).await;
}

#[tokio::test]
async fn s5_3_who_sends_the_token_once_more_as_a_contact_changes_nothing() {
    let cloister = Cloister::start().await;
    let romeo = romeo(&cloister).await;
    let token = token(&begin(&romeo, INVITE).await);
    let mut juliet = Newcomer::with(&cloister, &token).await;
    assert_eq!(juliet.try_register("juliet", PASSWORD).await, Ok(()));
    let juliet = cloister.online("juliet/balcony", PASSWORD).await;
    romeo.drain().await;
    let preauth = format!("<preauth xmlns='urn:xmpp:pars:0' token='{token}'/>");
    juliet
        .send(format!("<presence to='romeo@localhost' type='subscribe'>{preauth}</presence>"))
        .await;
    juliet.fence().await;
    assert_eq!(roster(&juliet).await, ["romeo@localhost both"]);
    let came = romeo.drain().await;
    assert!(came.iter().all(|stanza| stanza.attr("type") != Some("subscribe")), "{came:?}");
}

#[tokio::test]
async fn s5_2_an_account_is_created_with_a_form() {
    let cloister = Cloister::start().await;
    let romeo = romeo(&cloister).await;
    let form = begin(&romeo, CREATE).await;
    assert_eq!(command(&form).attr("status"), Some("executing"));
    let answer = create(&romeo, &[]).await;
    let uri = format!("xmpp:localhost?register;preauth={}", token(&answer));
    assert_eq!(field(&answer, "uri"), Some(uri));
    let mut juliet = Newcomer::with(&cloister, &token(&answer)).await;
    assert_eq!(juliet.try_register("juliet", PASSWORD).await, Ok(()));
    assert_eq!(roster(&romeo).await, [""; 0]);
}

#[tokio::test]
async fn s5_2_with_a_name_that_stands_in_the_uri_and_a_contact() {
    let cloister = Cloister::start().await;
    let romeo = romeo(&cloister).await;
    let fields = [("username", "Juliet"), ("roster-subscription", "true")];
    let answer = create(&romeo, &fields).await;
    let uri = format!("xmpp:juliet@localhost?register;preauth={}", token(&answer));
    assert_eq!(field(&answer, "uri"), Some(uri));
    let mut juliet = Newcomer::with(&cloister, &token(&answer)).await;
    assert_eq!(juliet.try_register("paris", PASSWORD).await, Err("not-acceptable".to_owned()));
    assert_eq!(juliet.try_register("juliet", PASSWORD).await, Ok(()));
    assert_eq!(roster(&romeo).await, ["juliet@localhost both"]);
}

#[tokio::test]
async fn a_name_in_another_script_is_escaped_in_the_uri() {
    let cloister = Cloister::start().await;
    let romeo = romeo(&cloister).await;
    let answer = create(&romeo, &[("username", "zoë")]).await;
    let uri = field(&answer, "uri").unwrap();
    assert!(uri.starts_with("xmpp:zo%C3%AB@localhost?register;preauth="), "{uri}");
}

#[tokio::test]
async fn s5_2_a_name_that_nobody_can_choose_is_refused() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", PASSWORD).await;
    let romeo = romeo(&cloister).await;
    for (name, expected) in [
        ("a b", "bad-request"),
        ("admin", "not-acceptable"),
        ("juliet", "not-acceptable"),
        ("ju1iet", "not-acceptable"),
    ] {
        let answer = create(&romeo, &[("username", name)]).await;
        assert_eq!(outcome(&answer), Err(expected.to_owned()), "{name}");
    }
    assert_eq!(create(&romeo, &[("username", "rosaline")]).await.attr("type"), Some("result"));
    let again = create(&romeo, &[("username", "rosaline")]).await;
    assert_eq!(condition(&again), "not-acceptable", "somebody else is invited as that");
}

#[tokio::test]
async fn an_account_has_a_hundred_invitations_at_most() {
    let cloister = Cloister::start().await;
    let romeo = romeo(&cloister).await;
    for _ in 0..100 {
        assert_eq!(begin(&romeo, INVITE).await.attr("type"), Some("result"));
    }
    assert_eq!(condition(&begin(&romeo, INVITE).await), "resource-constraint");
    cloister.advance(Duration::from_secs(8 * 24 * 3600));
    assert_eq!(begin(&romeo, INVITE).await.attr("type"), Some("result"), "they are over");
}

async fn stored(cloister: &Cloister) -> usize {
    let domain = Domain::parse("localhost").unwrap();
    invite::list(cloister.server(), &domain).await.unwrap().len()
}

#[tokio::test]
async fn whoever_is_disabled_takes_his_invitations_with_him() {
    let cloister = Cloister::start().await;
    let romeo = romeo(&cloister).await;
    let token = token(&begin(&romeo, INVITE).await);
    let kept = invitation_with(&cloister, |wish| wish).await.token;
    let account = BareJid::parse("romeo@localhost").unwrap();
    accounts::disable(cloister.server(), &account).await.unwrap();
    accounts::enable(cloister.server(), &account).await.unwrap();
    let mut juliet = Newcomer::arrive(&cloister).await;
    assert_eq!(outcome(&juliet.preauth(&token).await), Err("item-not-found".to_owned()));
    Newcomer::with(&cloister, &kept).await;
}

#[tokio::test]
async fn whoever_is_removed_takes_his_invitations_with_him() {
    let cloister = Cloister::start().await;
    let romeo = romeo(&cloister).await;
    begin(&romeo, INVITE).await;
    let contact = BareJid::parse("romeo@localhost").unwrap();
    invitation_with(&cloister, |wish| invite::Wish { contact: Some(contact.clone()), ..wish })
        .await;
    invitation_with(&cloister, |wish| wish).await;
    assert_eq!(stored(&cloister).await, 3);
    accounts::remove(cloister.server(), &contact).await.unwrap();
    assert_eq!(stored(&cloister).await, 1);
}

#[tokio::test]
async fn who_is_no_administrator_any_more_does_not_finish_what_he_began() {
    let cloister = Cloister::start().await;
    let romeo = romeo(&cloister).await;
    let form = begin(&romeo, CREATE).await;
    let session = command(&form).attr("sessionid").unwrap().to_owned();
    let account = BareJid::parse("romeo@localhost").unwrap();
    cloister.server().accounts.set_admin(&account, false).await.unwrap();
    let form = "<x xmlns='jabber:x:data' type='submit'/>";
    let answer = execute(&romeo, CREATE, &format!(" sessionid='{session}'>{form}")).await;
    assert_eq!(condition(&answer), "forbidden");
}

#[tokio::test]
async fn an_invitation_into_a_room_makes_a_member_with_a_bookmark() {
    let cloister = Cloister::start().await;
    let romeo = romeo(&cloister).await;
    create_room(&romeo, ROOM, "lark", &[("roomname", "The garden")]).await;
    let room = Some(BareJid::parse(ROOM).unwrap());
    let token = invitation_with(&cloister, |wish| invite::Wish { room, ..wish }).await.token;
    let mut juliet = Newcomer::with(&cloister, &token).await;
    assert_eq!(juliet.try_register("juliet", PASSWORD).await, Ok(()));
    let juliet = cloister.online("juliet", PASSWORD).await;
    let entered = crate::kit::rooms::enter(&juliet, ROOM, "nightingale").await;
    assert_eq!(crate::kit::rooms::item(&entered.own).0, "member");
    let bookmark = crate::xep_0048_bookmarks::native(&juliet, ROOM).await;
    assert_eq!(bookmark.attr("name"), Some("The garden"));
}
