//! RFC 6120 §7: Resource Binding.

use cloister::ns;

use crate::kit::Cloister;

#[tokio::test]
async fn s7_3_1_binding_is_offered_after_the_login_and_not_before() {
    let cloister = Cloister::start().await;
    let (_, before) = cloister.opened("localhost").await;
    assert!(!before.has_child(ns::BIND, "bind"));
    let (_, after) = cloister.authenticated("juliet", "balcony").await;
    assert!(after.has_child(ns::BIND, "bind"));
}

#[tokio::test]
async fn s7_3_1_after_the_login_no_mechanisms_are_offered() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.authenticated("juliet", "balcony").await;
    assert!(!features.has_child(ns::SASL, "mechanisms"));
}

#[tokio::test]
async fn s7_6_1_the_server_makes_a_resource_that_nobody_can_guess() {
    let cloister = Cloister::start().await;
    let (_one, one) = cloister.bound("juliet", "balcony").await;
    let (_other, other) = cloister.bound("juliet", "balcony").await;
    let resource = one.strip_prefix("juliet@localhost/").expect("her account");
    assert!(resource.len() >= 16, "{resource}");
    assert_ne!(one, other);
}

#[tokio::test]
async fn s7_6_1_an_empty_resource_is_none() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.authenticated("juliet", "balcony").await;
    let jid = raw.bind(Some("")).await.unwrap();
    assert!(jid.len() > "juliet@localhost/".len(), "{jid}");
}

#[tokio::test]
async fn s7_7_1_a_client_chooses_its_resource() {
    let cloister = Cloister::start().await;
    let (_, jid) = cloister.bound("juliet/balcony", "balcony").await;
    assert_eq!(jid, "juliet@localhost/balcony");
}

#[tokio::test]
async fn rfc_7622_s3_4_a_resource_may_be_in_any_script() {
    let cloister = Cloister::start().await;
    let (_, jid) = cloister.bound("juliet/バルコニー ♥", "balcony").await;
    assert_eq!(jid, "juliet@localhost/バルコニー ♥");
}

#[tokio::test]
async fn s7_7_2_1_a_resource_that_cannot_be_one_is_a_bad_request() {
    let cloister = Cloister::start().await;
    let long = "x".repeat(1024);
    for resource in [long.as_str(), "a\u{7f}b", "tab\there", "\u{200b}\u{e000}\u{ffff}"] {
        if resource.contains('\u{ffff}') {
            continue;
        }
        let (mut raw, _) = cloister.authenticated("juliet", "balcony").await;
        assert_eq!(raw.bind(Some(resource)).await, Err("bad-request".to_owned()), "{resource:?}");
    }
}

#[tokio::test]
async fn rfc_7622_s3_4_a_resource_of_1023_octets_is_accepted() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.authenticated("juliet", "balcony").await;
    assert!(raw.bind(Some(&"x".repeat(1023))).await.is_ok());
}

#[tokio::test]
async fn s7_7_2_1_after_a_bad_resource_another_may_be_tried() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.authenticated("juliet", "balcony").await;
    raw.bind(Some("a\u{7f}b")).await.unwrap_err();
    assert_eq!(raw.bind(Some("balcony")).await.unwrap(), "juliet@localhost/balcony");
}

#[tokio::test]
async fn s7_7_2_1_attempts_at_bad_resources_are_limited() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.authenticated("juliet", "balcony").await;
    for _ in 0..5 {
        raw.bind(Some("a\u{7f}b")).await.unwrap_err();
    }
    assert_eq!(raw.error().await, "policy-violation");
}

#[tokio::test]
async fn s7_7_2_2_a_new_stream_of_the_same_resource_ends_the_old_one() {
    let cloister = Cloister::start().await;
    let old = cloister.login("juliet/balcony", "balcony").await;
    let new = cloister.login("juliet/balcony", "balcony").await;
    assert_eq!(old.stream_error().await, "conflict");
    new.fence().await;
}

#[tokio::test]
async fn s7_7_2_2_the_new_stream_is_the_one_that_gets_messages() {
    let cloister = Cloister::start().await;
    let _old = cloister.online("juliet/balcony", "balcony").await;
    let new = cloister.online("juliet/balcony", "balcony").await;
    let romeo = cloister.login("romeo", "orchard").await;
    romeo
        .send("<message to='juliet@localhost/balcony' type='chat'><body>hi</body></message>")
        .await;
    let message = new.receive_where("a message", |stanza| stanza.name() == "message").await;
    assert_eq!(crate::kit::body(&message), "hi");
}

#[tokio::test]
async fn s7_7_2_2_nobody_takes_the_resource_of_another_account() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet/balcony", "balcony").await;
    let romeo = cloister.login("romeo/balcony", "orchard").await;
    assert_eq!(romeo.jid(), "romeo@localhost/balcony");
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s7_6_2_1_an_account_has_a_limited_number_of_resources() {
    let cloister = Cloister::with("[limits]\nresources_per_account = 2").await;
    let _one = cloister.login("juliet/one", "balcony").await;
    let _two = cloister.login("juliet/two", "balcony").await;
    let (mut raw, _) = cloister.authenticated("juliet", "balcony").await;
    assert_eq!(raw.bind(Some("three")).await, Err("resource-constraint".to_owned()));
    let _romeo = cloister.login("romeo", "orchard").await;
}

#[tokio::test]
async fn s7_6_2_1_a_client_that_comes_back_is_not_one_more() {
    let cloister = Cloister::with("[limits]\nresources_per_account = 2").await;
    let one = cloister.login("juliet/one", "balcony").await;
    let two = cloister.login("juliet/two", "balcony").await;
    let again = cloister.login("juliet/two", "balcony").await;
    assert_eq!(two.stream_error().await, "conflict");
    again.fence().await;
    one.expect_silence().await;
}

#[tokio::test]
async fn s7_6_2_1_a_resource_that_was_closed_makes_room() {
    let cloister = Cloister::with("[limits]\nresources_per_account = 1").await;
    cloister.login("juliet/one", "balcony").await.close().await;
    cloister.login("juliet/two", "balcony").await.fence().await;
}

#[tokio::test]
async fn s7_1_a_stanza_before_binding_is_not_authorized() {
    let cloister = Cloister::start().await;
    for stanza in [
        "<message to='romeo@localhost'><body>hi</body></message>",
        "<presence/>",
        "<iq id='1' type='get'><query xmlns='jabber:iq:roster'/></iq>",
        "<iq id='1' type='get'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AAAA</auth>",
    ] {
        let (mut raw, _) = cloister.authenticated("juliet", "balcony").await;
        raw.send(stanza).await;
        assert_eq!(raw.error().await, "not-authorized", "{stanza}");
    }
}

#[tokio::test]
async fn s7_1_a_message_before_binding_is_not_delivered() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let (mut raw, _) = cloister.authenticated("juliet", "balcony").await;
    raw.send("<message to='romeo@localhost' type='chat'><body>hi</body></message>").await;
    raw.error().await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s7_1_a_session_binds_no_second_resource() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet/balcony", "balcony").await;
    let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>two</resource></bind>";
    let condition = juliet.iq_error("set", None, bind).await;
    assert!(["service-unavailable", "not-allowed"].contains(&condition.as_str()), "{condition}");
}

#[tokio::test]
async fn s7_2_a_session_is_not_reachable_before_it_is_bound() {
    let cloister = Cloister::start().await;
    let (_raw, _) = cloister.authenticated("juliet", "balcony").await;
    assert_eq!(cloister.server().sessions.count(), 0);
}

#[tokio::test]
async fn rfc_3921_s3_a_session_can_be_asked_for_by_old_clients() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let session = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>";
    juliet.iq_ok("set", None, session).await;
}

#[tokio::test]
async fn s10_1_stanzas_in_one_piece_with_the_request_are_handled() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.authenticated("juliet", "balcony").await;
    let bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    let ping = "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
    raw.send(format!("{bind}{ping}")).await;
    assert_eq!(raw.element().await.attr("id"), Some("b"));
    assert_eq!(raw.element().await.attr("id"), Some("p"));
}

#[tokio::test]
async fn a_client_that_asks_for_much_at_once_gets_all_of_it() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let photo = "x".repeat(150_000);
    let card = format!("<vCard xmlns='vcard-temp'><NOTE>{photo}</NOTE></vCard>");
    juliet.iq_ok("set", None, &card).await;
    let requests: String = (0..60)
        .map(|number| format!("<iq type='get' id='v{number}'><vCard xmlns='vcard-temp'/></iq>"))
        .collect();
    juliet.send(requests).await;
    for number in 0..60 {
        assert_eq!(juliet.receive().await.attr("id"), Some(format!("v{number}").as_str()));
    }
}
