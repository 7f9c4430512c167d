//! XEP-0157: Contact Addresses for XMPP Services.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::Cloister;

const CONTACT: &str = "[[host]]\n\
    domain = 'localhost'\n\
    contact.abuse = ['mailto:abuse@localhost', 'xmpp:abuse@localhost']\n\
    contact.security = ['mailto:security@localhost']\n";

#[tokio::test]
async fn the_configured_addresses_are_in_the_info_of_the_host() {
    let cloister = Cloister::with(CONTACT).await;
    let form = form(&cloister, "juliet", "localhost").await.expect("a form");
    assert_eq!(form.attr("type"), Some("result"));
    let fields: Vec<_> = form.children().map(field).collect();
    let expected = [
        ("FORM_TYPE", vec!["http://jabber.org/network/serverinfo"]),
        ("abuse-addresses", vec!["mailto:abuse@localhost", "xmpp:abuse@localhost"]),
        ("security-addresses", vec!["mailto:security@localhost"]),
    ];
    let expected = expected.map(|(var, values)| {
        (var.to_owned(), values.into_iter().map(str::to_owned).collect::<Vec<_>>())
    });
    assert_eq!(fields, expected);
    assert_eq!(form.children().next().unwrap().attr("type"), Some("hidden"));
}

#[tokio::test]
async fn without_addresses_there_is_no_form() {
    let cloister = Cloister::start().await;
    assert!(form(&cloister, "juliet", "localhost").await.is_none());
}

#[tokio::test]
async fn each_domain_tells_its_own_addresses() {
    let cloister = Cloister::with(&format!("{CONTACT}[[host]]\ndomain = 'verona.example'\n")).await;
    assert!(form(&cloister, "juliet@verona.example", "verona.example").await.is_none());
    assert!(form(&cloister, "juliet@verona.example", "localhost").await.is_some());
}

async fn form(cloister: &Cloister, name: &str, host: &str) -> Option<Element> {
    let client = cloister.login(name, "balcony").await;
    let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let answer = client.iq_ok("get", Some(host), query).await;
    answer.child(ns::DISCO_INFO, "query")?.child(ns::DATA_FORMS, "x").cloned()
}

fn field(field: &Element) -> (String, Vec<String>) {
    let values = field.children().map(|value| value.text().into_owned());
    (field.attr("var").unwrap().to_owned(), values.collect())
}
