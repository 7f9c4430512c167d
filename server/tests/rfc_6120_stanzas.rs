//! RFC 6120 §8 and §10: what every stanza has to be, and where it goes by its address.

use cloister::ns;

use crate::kit::{Client, Cloister, body, condition, element};

const BODY: &str = "<body>hi</body>";
const UNKNOWN: &str = "<query xmlns='urn:example:unknown'/>";

/// The condition of the error that answers a stanza with the id `1`.
async fn answer(client: &Client, stanza: &str) -> String {
    client.send(stanza).await;
    let answer = client.receive().await;
    assert_eq!(answer.attr("type"), Some("error"), "{}", answer.to_xml());
    assert_eq!(answer.attr("id"), element(stanza).attr("id"), "{}", answer.to_xml());
    condition(&answer)
}

#[tokio::test]
async fn s8_1_2_1_a_stanza_in_somebody_elses_name_ends_the_stream() {
    let cloister = Cloister::start().await;
    for from in
        ["romeo@localhost", "romeo@localhost/orchard", "localhost", "juliet@localhost/other", "@"]
    {
        let juliet = cloister.login("juliet/balcony", "balcony").await;
        juliet.send(format!("<message from='{from}' to='nurse@localhost'>{BODY}</message>")).await;
        assert_eq!(juliet.stream_error().await, "invalid-from", "{from}");
    }
}

#[tokio::test]
async fn s8_1_2_1_nobody_gets_a_stanza_in_somebody_elses_name() {
    let cloister = Cloister::start().await;
    let nurse = cloister.online("nurse", "chamber").await;
    let juliet = cloister.login("juliet/balcony", "balcony").await;
    juliet
        .send(format!("<message from='romeo@localhost' to='nurse@localhost'>{BODY}</message>"))
        .await;
    juliet.stream_error().await;
    nurse.expect_silence().await;
}

#[tokio::test]
async fn s8_1_2_1_a_stanza_may_say_who_sends_it() {
    let cloister = Cloister::start().await;
    let nurse = cloister.online("nurse", "chamber").await;
    let juliet = cloister.login("juliet/balcony", "balcony").await;
    for from in ["juliet@localhost", "juliet@localhost/balcony", "Juliet@LOCALHOST/balcony"] {
        let message =
            format!("<message from='{from}' to='nurse@localhost' type='chat'>{BODY}</message>");
        juliet.send(message).await;
        assert_eq!(nurse.receive().await.attr("from"), Some("juliet@localhost/balcony"));
    }
}

#[tokio::test]
async fn s8_1_2_1_the_server_stamps_the_full_address() {
    let cloister = Cloister::start().await;
    let nurse = cloister.online("nurse", "chamber").await;
    let juliet = cloister.login("juliet/balcony", "balcony").await;
    juliet.send(format!("<message to='nurse@localhost' type='chat'>{BODY}</message>")).await;
    assert_eq!(nurse.receive().await.attr("from"), Some("juliet@localhost/balcony"));
}

#[tokio::test]
async fn s4_9_3_24_another_top_level_element_ends_the_stream() {
    let cloister = Cloister::start().await;
    for xml in [
        "<foo/>",
        "<message xmlns='jabber:server' to='nurse@localhost'/>",
        "<message xmlns=''/>",
        "<iq xmlns='urn:example:iq' id='1' type='get'/>",
        "<Message to='nurse@localhost'/>",
        "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
    ] {
        let juliet = cloister.login("juliet", "balcony").await;
        juliet.send(xml).await;
        assert_eq!(juliet.stream_error().await, "unsupported-stanza-type", "{xml}");
    }
}

#[tokio::test]
async fn s4_9_a_clients_stream_error_ends_the_stream() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.bound("juliet", "balcony").await;
    raw.send(
        "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>\
         </stream:stream>",
    )
    .await;
    raw.drained().await;
    cloister.gone("juliet").await;
}

#[tokio::test]
async fn s8_2_3_an_iq_without_an_id_is_a_bad_request() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let iq = format!("<iq type='get' to='localhost'>{UNKNOWN}</iq>");
    assert_eq!(answer(&juliet, &iq).await, "bad-request");
}

#[tokio::test]
async fn s8_2_3_an_iq_without_a_known_type_is_a_bad_request() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for kind in ["", "type=''", "type='GET'", "type='subscribe'"] {
        let iq = format!("<iq id='1' {kind} to='localhost'>{UNKNOWN}</iq>");
        assert_eq!(answer(&juliet, &iq).await, "bad-request", "{kind}");
    }
}

#[tokio::test]
async fn s8_2_3_a_request_has_exactly_one_payload() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for kind in ["get", "set"] {
        for payload in [String::new(), format!("{UNKNOWN}{UNKNOWN}"), "text".to_owned()] {
            let iq = format!("<iq id='1' type='{kind}' to='localhost'>{payload}</iq>");
            assert_eq!(answer(&juliet, &iq).await, "bad-request", "{iq}");
        }
    }
}

#[tokio::test]
async fn s8_2_3_a_request_that_nobody_understands_is_answered() {
    let cloister = Cloister::start().await;
    cloister.account("romeo", "orchard").await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some("localhost"), Some("juliet@localhost"), Some("romeo@localhost")] {
        for kind in ["get", "set"] {
            assert_eq!(juliet.iq_error(kind, to, UNKNOWN).await, "service-unavailable", "{to:?}");
        }
    }
}

#[tokio::test]
async fn s8_3_1_an_answer_exchanges_the_addresses_and_keeps_the_id() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet/balcony", "balcony").await;
    juliet.send(format!("<iq id='a&amp;b' type='get' to='localhost'>{UNKNOWN}</iq>")).await;
    let answer = juliet.receive().await;
    assert_eq!(answer.attr("from"), Some("localhost"));
    assert_eq!(answer.attr("to"), Some("juliet@localhost/balcony"));
    assert_eq!(answer.attr("id"), Some("a&b"));
}

#[tokio::test]
async fn s8_3_2_an_error_has_a_type_and_a_condition_of_the_stanza_namespace() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let answer = juliet.iq("get", Some("localhost"), UNKNOWN).await;
    let error = answer.child(ns::CLIENT, "error").expect("an error");
    assert_eq!(error.attr("type"), Some("cancel"));
    assert!(error.has_child(ns::STANZAS, "service-unavailable"));
}

#[tokio::test]
async fn s8_3_1_errors_and_results_are_never_answered() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [
        "",
        "to='localhost'",
        "to='nobody@localhost'",
        "to='nobody@localhost/x'",
        "to='montague.example'",
    ] {
        for kind in ["result", "error"] {
            juliet.send(format!("<iq id='1' type='{kind}' {to}/>")).await;
            juliet.send(format!("<iq id='1' type='{kind}' {to}>{UNKNOWN}</iq>")).await;
        }
        juliet.send(format!("<message type='error' {to}>{BODY}</message>")).await;
        juliet.send(format!("<presence type='error' {to}/>")).await;
    }
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s8_3_3_8_an_address_that_is_none_is_malformed() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let long = format!("{}@localhost", "x".repeat(1024));
    for to in ["@localhost", "romeo@", "ro meo@localhost", "romeo@localhost/", "", &long] {
        for stanza in [
            format!("<message id='1' to='{to}'>{BODY}</message>"),
            format!("<presence id='1' to='{to}'/>"),
            format!("<iq id='1' type='get' to='{to}'>{UNKNOWN}</iq>"),
        ] {
            assert_eq!(answer(&juliet, &stanza).await, "jid-malformed", "{stanza}");
        }
    }
}

#[tokio::test]
async fn s8_1_1_1_an_address_is_passed_on_in_its_normal_form() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet
        .send(format!("<message to='ROMEO@LocalHost/orchard' type='chat'>{BODY}</message>"))
        .await;
    assert_eq!(romeo.receive().await.attr("to"), Some("romeo@localhost/orchard"));
}

#[tokio::test]
async fn s10_4_another_domain_is_not_found_and_not_looked_for() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [
        "montague.example",
        "romeo@montague.example",
        "romeo@montague.example/orchard",
        "localhost.example",
        "127.0.0.1",
    ] {
        for stanza in [
            format!("<message id='1' to='{to}'>{BODY}</message>"),
            format!("<presence id='1' to='{to}'/>"),
            format!("<presence id='1' type='subscribe' to='{to}'/>"),
            format!("<iq id='1' type='get' to='{to}'>{UNKNOWN}</iq>"),
        ] {
            assert_eq!(answer(&juliet, &stanza).await, "remote-server-not-found", "{stanza}");
        }
    }
}

#[tokio::test]
async fn s10_4_no_connection_goes_out_to_another_domain() {
    // The domain is this very machine, and its port for servers would be that of the test.
    let Ok(listener) = tokio::net::TcpListener::bind("127.0.0.1:5269").await else { return };
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let message = format!("<message id='1' to='romeo@127.0.0.1'>{BODY}</message>");
    assert_eq!(answer(&juliet, &message).await, "remote-server-not-found");
    juliet.fence().await;
    let none = futures::poll!(std::pin::pin!(listener.accept()));
    assert!(none.is_pending(), "somebody connects");
}

#[tokio::test]
async fn s8_1_4_a_message_of_an_unknown_type_is_a_normal_one() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.send(format!("<message to='romeo@localhost' type='whisper'>{BODY}</message>")).await;
    assert_eq!(body(&romeo.receive().await), "hi");
}

#[tokio::test]
async fn s10_5_1_a_message_to_nobody_in_particular_is_for_oneself() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    juliet.send(format!("<message type='chat'>{BODY}</message>")).await;
    assert_eq!(body(&juliet.receive().await), "hi");
}

#[tokio::test]
async fn s10_1_stanzas_of_one_sender_arrive_in_their_order() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.login("juliet", "balcony").await;
    let messages = (0..100).map(|number| {
        format!("<message to='romeo@localhost' type='chat'><body>{number}</body></message>")
    });
    juliet.send(messages.collect::<String>()).await;
    for number in 0..100 {
        assert_eq!(body(&romeo.receive().await), number.to_string());
    }
}

#[tokio::test]
async fn s10_1_answers_come_in_the_order_of_the_requests() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let requests =
        (0..50).map(|id| format!("<iq id='{id}' type='get' to='localhost'>{UNKNOWN}</iq>"));
    juliet.send(requests.collect::<String>()).await;
    for id in 0..50 {
        assert_eq!(juliet.receive().await.attr("id"), Some(id.to_string().as_str()));
    }
}

#[tokio::test]
async fn s10_5_4_a_request_to_a_full_address_reaches_that_client_alone() {
    let cloister = Cloister::start().await;
    let mut orchard = cloister.online("romeo/orchard", "orchard").await;
    let mut juliet = cloister.online("juliet/balcony", "balcony").await;
    // RFC 6121 §11: only those who may see a resource may ask it.
    cloister.befriend(&mut orchard, &mut juliet).await;
    let street = cloister.login("romeo/street", "orchard").await;
    juliet.send(format!("<iq id='1' type='get' to='romeo@localhost/orchard'>{UNKNOWN}</iq>")).await;
    let request = orchard.receive().await;
    assert_eq!(request.attr("from"), Some("juliet@localhost/balcony"));
    orchard.send(format!("<iq id='1' type='result' to='{}'/>", juliet.jid())).await;
    assert_eq!(juliet.receive().await.attr("type"), Some("result"));
    street.expect_silence().await;
}

#[tokio::test]
async fn rfc_6121_s8_5_3_2_3_a_request_to_a_client_that_is_not_there_is_answered() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let _romeo = cloister.login("romeo/orchard", "orchard").await;
    for to in ["romeo@localhost/street", "nobody@localhost/street"] {
        assert_eq!(juliet.iq_error("get", Some(to), UNKNOWN).await, "service-unavailable", "{to}");
    }
}

#[tokio::test]
async fn s8_4_extensions_are_passed_on_whole() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    let juliet = cloister.login("juliet/balcony", "balcony").await;
    let payload = "<x xmlns='urn:example:x' a='&lt;&quot;&amp;' xml:lang='it'>\
                   <y xmlns='urn:example:y' xmlns:z='urn:example:z' z:b='1'>ciao &gt; &#x1F339;</y>\
                   <![CDATA[<not a tag>]]></x>";
    juliet
        .send(format!("<message to='romeo@localhost' type='chat'>{BODY}{payload}</message>"))
        .await;
    let message = romeo.receive().await;
    assert_eq!(message.child("urn:example:x", "x"), Some(&element(payload)));
}

#[tokio::test]
async fn s8_1_5_the_language_of_a_stanza_is_kept() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet
        .send(format!("<message to='romeo@localhost' type='chat' xml:lang='it'>{BODY}</message>"))
        .await;
    assert_eq!(romeo.receive().await.lang(), Some("it"));
}

#[tokio::test]
async fn two_domains_of_one_server_write_to_each_other() {
    let cloister = Cloister::with("[[host]]\ndomain = 'capulet.example'").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.login("juliet@capulet.example/balcony", "balcony").await;
    juliet.send(format!("<message to='romeo@localhost' type='chat'>{BODY}</message>")).await;
    assert_eq!(romeo.receive().await.attr("from"), Some("juliet@capulet.example/balcony"));
}

#[tokio::test]
async fn s8_1_5_a_stanza_without_a_language_has_that_of_its_stream() {
    let cloister = Cloister::start().await;
    let nurse = cloister.online("nurse", "chamber").await;
    let juliet = cloister.login("juliet", "balcony").await;
    for (said, heard) in [("", "en"), ("xml:lang='it'", "it")] {
        juliet.send(format!("<message {said} to='nurse@localhost'>{BODY}</message>")).await;
        assert_eq!(nurse.receive().await.lang(), Some(heard));
    }
}
