//! XEP-0388: Extensible SASL Profile.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::sasl2::{PHONE, agent, bind, challenge2, identifier};
use crate::kit::{Cloister, Hash, Incoming, RawClient, Scram, condition, elapse, header};

const ARGON2ID: &str = "[[host]]\ndomain = 'localhost'\npassword_hash = 'argon2id'";

async fn juliet() -> (Cloister, RawClient) {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (raw, _) = cloister.opened_from("juliet@localhost").await;
    (cloister, raw)
}

fn scram() -> Scram {
    Scram::new(Hash::Sha256, "juliet", "balcony")
}

fn authentication(features: &Element) -> &Element {
    features.child(ns::SASL2, "authentication").expect("SASL2 is offered")
}

fn mechanisms(features: &Element) -> Vec<String> {
    let offered = authentication(features).children();
    let mechanisms = offered.filter(|child| child.is(ns::SASL2, "mechanism"));
    mechanisms.map(|mechanism| mechanism.text().into_owned()).collect()
}

/// The condition of the failure that answers this.
async fn refusal(raw: &mut RawClient, xml: &str) -> String {
    raw.send(xml.replace("<authenticate", "<authenticate xmlns='urn:xmpp:sasl:2'")).await;
    let failure = raw.element().await;
    assert!(failure.is(ns::SASL2, "failure"), "{xml}: {}", failure.to_xml());
    condition(&failure)
}

#[tokio::test]
async fn s_mechanism_negotiation_the_same_mechanisms_are_offered_as_in_sasl() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.opened("localhost").await;
    let sasl = features.child(ns::SASL, "mechanisms").expect("SASL is still offered");
    let sasl: Vec<_> = sasl.children().map(|child| child.text().into_owned()).collect();
    assert_eq!(mechanisms(&features), sasl);
    assert_eq!(sasl.len(), 6);
}

#[tokio::test]
async fn s_mechanism_negotiation_mechanisms_for_tokens_are_not_among_them() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.opened("localhost").await;
    assert!(mechanisms(&features).iter().all(|name| !name.starts_with("HT-")));
}

#[tokio::test]
async fn s_mechanism_negotiation_what_can_be_carried_along_is_inline() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.opened("localhost").await;
    let inline = authentication(&features).child(ns::SASL2, "inline").expect("inline");
    assert!(inline.has_child(ns::BIND2, "bind"));
    assert!(inline.has_child(ns::FAST, "fast"));
    assert!(inline.has_child(ns::SM, "sm"));
    let namespaces: Vec<_> = inline.children().map(Element::ns).collect();
    // Strict clients refuse features that stand there twice.
    assert!(
        namespaces.iter().all(|ns| namespaces.iter().filter(|other| *other == ns).count() == 1)
    );
}

#[tokio::test]
async fn s_mechanism_negotiation_nothing_is_offered_before_tls() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.clear().await;
    let features = raw.open("localhost").await;
    assert!(!features.has_child(ns::SASL2, "authentication"));
}

#[tokio::test]
async fn s_mechanism_negotiation_the_list_does_not_tell_whether_an_account_exists() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (_, real) = cloister.opened_from("juliet@localhost").await;
    let (_, fake) = cloister.opened_from("nobody@localhost").await;
    assert_eq!(real.to_xml(), fake.to_xml());
}

#[tokio::test]
async fn s_mechanism_negotiation_a_from_of_another_domain_is_invalid() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.secured("localhost").await;
    raw.send(header("localhost", "from='juliet@capulet.example'")).await;
    assert_eq!(raw.error().await, "invalid-from");
}

#[tokio::test]
async fn s_success_every_mechanism_logs_in_with_the_servers_proof() {
    let (cloister, _) = juliet().await;
    for hash in Hash::ALL {
        let (mut raw, _) = cloister.opened_from("juliet@localhost").await;
        let success = raw.scram2(&Scram::new(hash, "juliet", "balcony"), "").await.unwrap();
        assert_eq!(identifier(&success), "juliet@localhost");
        let (mut raw, _) = cloister.opened("localhost").await;
        let data = raw.exporter();
        let bound = Scram::bound(hash, "juliet", "balcony", "tls-exporter", data);
        assert!(raw.scram2(&bound, "").await.is_ok());
    }
}

#[tokio::test]
async fn s_success_features_follow_without_a_new_stream_and_a_resource_can_be_bound() {
    let (_cloister, mut raw) = juliet().await;
    raw.scram2(&scram(), "").await.unwrap();
    let features = raw.features().await;
    assert!(features.has_child(ns::BIND, "bind"), "{}", features.to_xml());
    assert!(!features.has_child(ns::SASL2, "authentication"));
    assert_eq!(raw.bind(Some("balcony")).await.unwrap(), "juliet@localhost/balcony");
    raw.answers().await;
}

#[tokio::test]
async fn s_success_stanzas_wait_for_a_resource() {
    let (_cloister, mut raw) = juliet().await;
    raw.scram2(&scram(), "").await.unwrap();
    raw.features().await;
    raw.send("<presence/>").await;
    assert_eq!(raw.error().await, "not-authorized");
}

#[tokio::test]
async fn s_success_plain_has_no_additional_data() {
    let cloister = Cloister::with(ARGON2ID).await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, features) = cloister.opened("localhost").await;
    assert_eq!(mechanisms(&features), ["PLAIN"]);
    let success = raw.authenticate("PLAIN", Some("\0juliet\0balcony"), "").await;
    assert!(success.is(ns::SASL2, "success"), "{}", success.to_xml());
    assert!(!success.has_child(ns::SASL2, "additional-data"));
}

#[tokio::test]
async fn s_initiation_without_an_initial_response_the_server_asks_for_it() {
    let (_cloister, mut raw) = juliet().await;
    let empty = raw.authenticate("SCRAM-SHA-256", None, "").await;
    assert!(empty.is(ns::SASL2, "challenge") && empty.text().is_empty(), "{}", empty.to_xml());
    let challenge = raw.respond2(&scram().first()).await;
    let last = scram().answer(&challenge2(&challenge).unwrap());
    assert!(raw.respond2(&last.text).await.is(ns::SASL2, "success"));
}

#[tokio::test]
async fn s_initiation_a_mechanism_that_was_not_announced_fails() {
    let (_cloister, mut raw) = juliet().await;
    for mechanism in ["PLAIN", "HT-SHA-256-NONE", ""] {
        let failure = raw.authenticate(mechanism, Some("\0juliet\0balcony"), "").await;
        assert_eq!(condition(&failure), "invalid-mechanism", "{mechanism}");
    }
}

#[tokio::test]
async fn s_initiation_an_attempt_for_another_account_than_from_fails() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    cloister.account("romeo", "orchard").await;
    let (mut raw, _) = cloister.opened_from("romeo@localhost").await;
    assert_eq!(raw.scram2(&scram(), "").await.unwrap_err(), "invalid-authzid");
    let romeo = Scram::new(Hash::Sha256, "romeo", "orchard");
    let romeo = Scram { gs2: "n,a=juliet@localhost,".to_owned(), ..romeo };
    assert_eq!(raw.scram2(&romeo, "").await.unwrap_err(), "invalid-authzid");
}

#[tokio::test]
async fn s_initiation_an_authorization_identity_that_is_from_is_accepted() {
    let (_cloister, mut raw) = juliet().await;
    let scram = Scram { gs2: "n,a=juliet@localhost,".to_owned(), ..scram() };
    assert!(raw.scram2(&scram, "").await.is_ok());
}

#[tokio::test]
async fn s_initiation_what_is_unknown_is_ignored() {
    let (_cloister, mut raw) = juliet().await;
    let inline = "<megabind xmlns='urn:example:megabind'><resource>x</resource></megabind><who/>";
    assert!(raw.scram2(&scram(), inline).await.is_ok());
}

#[tokio::test]
async fn s_initiation_an_id_that_is_no_uuid_is_ignored() {
    let (_cloister, mut raw) = juliet().await;
    assert!(raw.scram2(&scram(), &agent("my phone")).await.is_ok());
}

#[tokio::test]
async fn s_initiation_what_is_asked_for_twice_is_malformed() {
    let (cloister, mut raw) = juliet().await;
    let twice = [
        bind("").repeat(2),
        agent(PHONE).repeat(2),
        "<resume xmlns='urn:xmpp:sm:3' previd='a' h='0'/>".repeat(2),
    ];
    for twice in twice {
        assert_eq!(raw.scram2(&scram(), &twice).await.unwrap_err(), "malformed-request", "{twice}");
    }
    let (mut raw, _) = cloister.opened("localhost").await;
    let initial = "<initial-response>eA==</initial-response>".repeat(2);
    let xml = format!("<authenticate mechanism='SCRAM-SHA-256'>{initial}</authenticate>");
    assert_eq!(refusal(&mut raw, &xml).await, "malformed-request");
}

#[tokio::test]
async fn s_data_encoding_what_is_not_base64_is_refused() {
    let (_cloister, mut raw) = juliet().await;
    let xml = "<authenticate mechanism='SCRAM-SHA-256'><initial-response>=</initial-response></authenticate>";
    assert_eq!(refusal(&mut raw, xml).await, "incorrect-encoding");
}

#[tokio::test]
async fn s_data_encoding_an_empty_response_is_an_empty_string() {
    let (_cloister, mut raw) = juliet().await;
    let xml = "<authenticate mechanism='SCRAM-SHA-256'><initial-response/></authenticate>";
    assert_eq!(refusal(&mut raw, xml).await, "malformed-request");
}

#[tokio::test]
async fn s_failure_a_wrong_password_changes_nothing_and_can_be_tried_again() {
    let (_cloister, mut raw) = juliet().await;
    let wrong = Scram::new(Hash::Sha256, "juliet", "orchard");
    assert_eq!(raw.scram2(&wrong, &bind("")).await.unwrap_err(), "not-authorized");
    assert!(raw.scram2(&scram(), "").await.is_ok());
}

#[tokio::test]
async fn s_failure_both_profiles_share_the_number_of_attempts() {
    let (_cloister, mut raw) = juliet().await;
    assert_eq!(condition(&raw.auth("PLAIN", Some("x")).await), "invalid-mechanism");
    for _ in 0..2 {
        let failure = raw.authenticate("PLAIN", Some("x"), "").await;
        assert_eq!(condition(&failure), "invalid-mechanism");
    }
    assert_eq!(raw.error().await, "policy-violation");
}

#[tokio::test]
async fn s_failure_nothing_is_bound_by_an_attempt_that_failed() {
    let (cloister, mut raw) = juliet().await;
    let wrong = Scram::new(Hash::Sha256, "juliet", "orchard");
    raw.scram2(&wrong, &bind("")).await.unwrap_err();
    assert_eq!(cloister.server().sessions.count(), 0);
}

#[tokio::test]
async fn s_failure_guesses_are_limited_over_both_profiles() {
    let (cloister, mut raw) = juliet().await;
    let wrong = Scram::new(Hash::Sha256, "juliet", "orchard");
    assert_eq!(raw.scram2(&wrong, "").await.unwrap_err(), "not-authorized");
    assert_eq!(raw.scram(&wrong).await.unwrap_err(), "not-authorized");
    assert_eq!(raw.scram2(&wrong, "").await.unwrap_err(), "not-authorized");
    let (mut raw, _) = cloister.opened("localhost").await;
    assert_eq!(raw.scram2(&scram(), "").await.unwrap_err(), "temporary-auth-failure");
}

#[tokio::test]
async fn s_aborting_a_client_may_abort_and_try_again() {
    let (_cloister, mut raw) = juliet().await;
    raw.authenticate("SCRAM-SHA-256", Some(&scram().first()), "").await;
    raw.send("<abort xmlns='urn:xmpp:sasl:2'><text>changed my mind</text></abort>").await;
    assert_eq!(condition(&raw.element().await), "aborted");
    assert!(raw.scram2(&scram(), "").await.is_ok());
}

#[tokio::test]
async fn s_during_authentication_anything_else_ends_the_stream() {
    let sasl = "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    let again = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'/>";
    for other in ["<presence/>", sasl, again, "<next xmlns='urn:xmpp:sasl:2' task='x'/>"] {
        let (_cloister, mut raw) = juliet().await;
        raw.authenticate("SCRAM-SHA-256", Some(&scram().first()), "").await;
        raw.send(other).await;
        assert_eq!(raw.error().await, "not-authorized", "{other}");
    }
}

#[tokio::test]
async fn s_multiple_authentication_after_a_success_there_is_no_other() {
    let (cloister, mut raw) = juliet().await;
    raw.scram2(&scram(), "").await.unwrap();
    raw.features().await;
    raw.send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'/>").await;
    assert_eq!(raw.error().await, "not-authorized");
    let (mut raw, _) = cloister.juliet2(&bind("")).await;
    raw.features().await;
    raw.send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'/>").await;
    assert_eq!(raw.error().await, "unsupported-stanza-type");
}

#[tokio::test]
async fn xep_0198_a_session_that_cannot_be_resumed_is_a_failure_beside_the_success() {
    let cloister = Cloister::start().await;
    for resume in ["previd='gone' h='3'", "h='x'", ""] {
        let resume = format!("<resume xmlns='urn:xmpp:sm:3' {resume}/>");
        let (mut raw, success) = cloister.juliet2(&resume).await;
        assert!(success.has_child(ns::SM, "failed"), "{}", success.to_xml());
        assert_eq!(identifier(&success), "juliet@localhost");
        raw.features().await;
        raw.bind(None).await.unwrap();
    }
}

#[tokio::test]
async fn rfc_6120_s13_12_what_comes_before_the_success_is_limited() {
    let (_cloister, mut raw) = juliet().await;
    let inline = format!("<x xmlns='urn:example'>{}</x>", "x".repeat(9000));
    raw.send(format!("<authenticate xmlns='urn:xmpp:sasl:2'>{inline}</authenticate>")).await;
    assert_eq!(raw.error().await, "policy-violation");
}

#[tokio::test]
async fn the_limits_of_a_session_hold_from_the_success_on() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.juliet2(&bind("")).await;
    raw.features().await;
    let large = "x".repeat(20_000);
    raw.send(format!("<iq type='result' id='x'><x xmlns='urn:example'>{large}</x></iq>")).await;
    raw.answers().await;
}

#[tokio::test]
async fn stanzas_may_follow_in_one_piece_with_the_last_response() {
    let (_cloister, mut raw) = juliet().await;
    let answer = raw.authenticate("SCRAM-SHA-256", Some(&scram().first()), &bind("")).await;
    let last = scram().answer(&challenge2(&answer).unwrap());
    let data = base64_of(&last.text);
    let ping = "<iq type='get' id='first'><ping xmlns='urn:xmpp:ping'/></iq>";
    raw.send(format!("<response xmlns='urn:xmpp:sasl:2'>{data}</response>{ping}")).await;
    assert!(raw.element().await.is(ns::SASL2, "success"));
    raw.features().await;
    assert_eq!(raw.element().await.attr("id"), Some("first"));
}

#[tokio::test]
async fn a_login_that_takes_too_long_is_ended() {
    let (_cloister, mut raw) = juliet().await;
    raw.authenticate("SCRAM-SHA-256", Some(&scram().first()), "").await;
    elapse(std::time::Duration::from_secs(31)).await;
    assert_eq!(raw.error().await, "connection-timeout");
}

#[tokio::test]
async fn a_client_that_has_no_session_yet_does_not_keep_the_server_from_stopping() {
    let (cloister, mut raw) = juliet().await;
    raw.scram2(&scram(), "").await.unwrap();
    raw.features().await;
    cloister.stop().await;
    assert!(matches!(raw.next().await, Incoming::Gone(_)));
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
