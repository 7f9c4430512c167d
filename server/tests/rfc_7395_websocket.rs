//! RFC 7395: XMPP over WebSocket, with frames that are made by hand (RFC 6455).

use std::time::Duration;

use cloister::ns;
use cloister::xml::Element;

use crate::kit::exchange::Exchange;
use crate::kit::websocket::{
    BINARY, CLOSE, CONTINUATION, Came, Out, PING, PONG, TEXT, WebSocket, close, handshake,
    handshake_with, open,
};
use crate::kit::{Cloister, Resumption, body, elapse};

/// One fragment of a message.
fn fragment(is_final: bool, opcode: u8, payload: &[u8]) -> Out<'_> {
    Out { is_final, opcode, is_masked: true, payload }
}

/// A message to the account itself that is as long as this.
fn message_of(length: usize) -> String {
    let (head, tail) =
        ("<message xmlns='jabber:client' to='nobody@localhost'><body>", "</body></message>");
    format!("{head}{}{tail}", "x".repeat(length - head.len() - tail.len()))
}

#[tokio::test]
async fn s3_1_the_handshake_agrees_on_xmpp() {
    let cloister = Cloister::start().await;
    let response = cloister.shaken(&handshake()).await;
    assert_eq!(response.status, 101);
    assert_eq!(response.header("upgrade"), Some("websocket"));
    assert_eq!(response.header("sec-websocket-protocol"), Some("xmpp"));
    assert_eq!(response.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
}

#[tokio::test]
async fn s3_1_xmpp_may_be_one_of_several_subprotocols() {
    let cloister = Cloister::start().await;
    let response =
        cloister.shaken(&handshake_with(&[("Sec-WebSocket-Protocol", "mqtt, xmpp")])).await;
    assert_eq!(response.status, 101);
    assert_eq!(response.header("sec-websocket-protocol"), Some("xmpp"));
}

#[tokio::test]
async fn s3_1_nothing_but_xmpp_is_spoken() {
    let cloister = Cloister::start().await;
    for protocol in ["mqtt", "", "xmpp2"] {
        let headers = handshake_with(&[("Sec-WebSocket-Protocol", protocol)]);
        assert_eq!(cloister.shaken(&headers).await.status, 400, "{protocol}");
    }
}

#[tokio::test]
async fn rfc_6455_s4_2_2_what_is_no_handshake_is_told_to_upgrade() {
    let cloister = Cloister::start().await;
    for wrong in [("Upgrade", "h2c"), ("Connection", "keep-alive"), ("Sec-WebSocket-Version", "8")]
    {
        let response = cloister.shaken(&handshake_with(&[wrong])).await;
        assert_eq!(response.status, 426, "{wrong:?}");
        assert_eq!(response.header("upgrade"), Some("websocket"));
        assert_eq!(response.header("sec-websocket-version"), Some("13"));
    }
    assert_eq!(cloister.shaken(&[]).await.status, 426);
}

#[tokio::test]
async fn rfc_6455_s4_2_1_a_key_is_sixteen_bytes() {
    let cloister = Cloister::start().await;
    for key in ["", "c2hvcnQ=", "not base64 at all"] {
        let headers = handshake_with(&[("Sec-WebSocket-Key", key)]);
        assert_eq!(cloister.shaken(&headers).await.status, 400, "{key}");
    }
}

#[tokio::test]
async fn rfc_6455_s10_2_a_page_of_another_origin_may_not_connect() {
    let cloister = Cloister::start().await;
    for origin in ["https://capulet.example", "null", "https://localhost", ""] {
        let response = cloister.shaken(&handshake_with(&[("Origin", origin)])).await;
        assert_eq!(response.status, 403, "{origin}");
    }
}

#[tokio::test]
async fn rfc_6455_s10_2_our_own_pages_and_those_that_the_operator_names_may() {
    let cloister = Cloister::with("[http]\norigins = ['https://chat.example']").await;
    let own = cloister.server().web(&cloister::jid::Domain::parse("localhost").unwrap());
    let own: &'static str = own.leak();
    for origin in [own, "https://chat.example"] {
        let response = cloister.shaken(&handshake_with(&[("Origin", origin)])).await;
        assert_eq!(response.status, 101, "{origin}");
    }
}

#[tokio::test]
async fn s3_2_binary_messages_are_refused_as_such() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_opened().await;
    socket.send_whole(BINARY, b"<presence xmlns='jabber:client'/>").await;
    socket.error(1003).await;
}

#[tokio::test]
async fn s3_2_text_is_utf_8() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_opened().await;
    socket.send_whole(TEXT, b"<presence\xff/>").await;
    socket.error(1007).await;
}

#[tokio::test]
async fn s3_3_2_an_open_of_another_namespace_is_invalid() {
    let cloister = Cloister::start().await;
    for ns in ["urn:example", "jabber:client", "http://etherx.jabber.org/streams"] {
        let mut socket = cloister.web_socket().await;
        socket.send(&open("localhost").replace(ns::FRAMING, ns)).await;
        assert_eq!(socket.error(1000).await, "invalid-namespace", "{ns}");
    }
}

#[tokio::test]
async fn s3_3_3_two_elements_are_two_messages() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_bound("juliet", "balcony").await;
    socket.send("<presence xmlns='jabber:client'/><presence xmlns='jabber:client'/>").await;
    assert_eq!(socket.error(1000).await, "bad-format");
}

#[tokio::test]
async fn s3_3_3_an_element_does_not_go_on_in_the_next_message() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_opened().await;
    socket.send("<presence xmlns='jabber:client'>").await;
    assert_eq!(socket.error(1000).await, "not-well-formed");
}

#[tokio::test]
async fn s3_3_3_text_is_no_element() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_opened().await;
    socket.send("hello").await;
    assert_eq!(socket.error(1000).await, "bad-format");
}

#[tokio::test]
async fn s3_3_3_a_declaration_is_not_recommended_and_does_no_harm() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_bound("juliet", "balcony").await;
    let ping = "<iq xmlns='jabber:client' type='get' id='a'><ping xmlns='urn:xmpp:ping'/></iq>";
    socket.send(&format!("<?xml version='1.0' encoding='UTF-8'?>{ping}")).await;
    assert_eq!(socket.element().await.attr("id"), Some("a"));
    socket.alive().await;
}

#[tokio::test]
async fn s3_3_3_what_xmpp_prohibits_is_prohibited_here() {
    let cloister = Cloister::start().await;
    for xml in ["<!-- c -->", "<?pi?>", "<!DOCTYPE x>"] {
        let (mut socket, _) = cloister.web_opened().await;
        socket.send(xml).await;
        assert_eq!(socket.error(1000).await, "restricted-xml", "{xml}");
    }
}

#[tokio::test]
async fn s3_3_3_stanzas_of_others_stand_for_themselves() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let (mut socket, jid) = cloister.web_bound("juliet", "balcony").await;
    romeo
        .send(format!("<message to='{jid}' type='chat'><body>Lady, &amp;c.</body></message>"))
        .await;
    // The kit's element is parsed from one message, without anything around it.
    let message = socket.element().await;
    assert!(message.is(ns::CLIENT, "message"), "{}", message.to_xml());
    assert_eq!(body(&message), "Lady, &c.");
}

#[tokio::test]
async fn s3_3_3_a_stanza_without_a_namespace_is_taken_for_a_stanza() {
    // COMPAT: clients forget it, and nothing else can be meant.
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_bound("juliet", "balcony").await;
    socket.send("<iq type='get' id='a'><ping xmlns='urn:xmpp:ping'/></iq>").await;
    let answer = socket.element().await;
    assert_eq!((answer.ns(), answer.attr("type")), (ns::CLIENT, Some("result")));
}

#[tokio::test]
async fn s3_4_the_server_answers_open_with_open() {
    let cloister = Cloister::start().await;
    let mut socket = cloister.web_socket().await;
    let (opened, features) = socket.open("localhost").await;
    assert_eq!(opened.attr("from"), Some("localhost"));
    assert_eq!(opened.attr("version"), Some("1.0"));
    assert!(opened.lang().is_some() && opened.attr("id").is_some_and(|id| id.len() > 10));
    assert!(features.has_child(ns::SASL, "mechanisms"), "{}", features.to_xml());
}

#[tokio::test]
async fn s3_4_open_comes_first() {
    let cloister = Cloister::start().await;
    for first in
        ["<presence xmlns='jabber:client'/>", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"]
    {
        let mut socket = cloister.web_socket().await;
        socket.send(first).await;
        assert_eq!(socket.error(1000).await, "bad-format", "{first}");
    }
}

#[tokio::test]
async fn s3_4_a_version_below_1_0_is_not_supported() {
    let cloister = Cloister::start().await;
    let mut socket = cloister.web_socket().await;
    socket.send(&open("localhost").replace(" version='1.0'", "")).await;
    assert_eq!(socket.error(1000).await, "unsupported-version");
}

#[tokio::test]
async fn s3_5_an_error_of_the_opening_comes_after_open() {
    let cloister = Cloister::start().await;
    let mut socket = cloister.web_socket().await;
    socket.send(&open("capulet.example")).await;
    let opened = socket.element().await;
    assert!(opened.is(ns::FRAMING, "open"), "{}", opened.to_xml());
    assert_eq!(socket.error(1000).await, "host-unknown");
}

#[tokio::test]
async fn s3_5_an_error_comes_with_its_namespace_and_prefix() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_opened().await;
    socket.send("<x xmlns='jabber:client'><y></x>").await;
    let error = socket.text().await;
    assert!(error.starts_with("<stream:error "), "{error}");
    assert!(error.contains(" xmlns:stream='http://etherx.jabber.org/streams'"), "{error}");
    socket.closes(1000).await;
}

#[tokio::test]
async fn s3_6_close_is_answered_with_close_and_the_session_ends() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_bound("juliet", "balcony").await;
    socket.send(&close()).await;
    socket.closes(1000).await;
    cloister.gone("juliet").await;
}

#[tokio::test]
async fn s3_6_a_websocket_that_closes_without_close_ends_the_session() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_bound("juliet", "balcony").await;
    socket.send_whole(CLOSE, &1001_u16.to_be_bytes()).await;
    assert_eq!(socket.next().await, Came::Close(Some(1001)));
    cloister.gone("juliet").await;
}

#[tokio::test]
async fn s3_6_a_connection_that_is_lost_ends_the_session() {
    let cloister = Cloister::start().await;
    let (socket, _) = cloister.web_bound("juliet", "balcony").await;
    drop(socket);
    cloister.gone("juliet").await;
}

#[tokio::test]
async fn s3_6_a_server_that_stops_says_so() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_bound("juliet", "balcony").await;
    let stopped = tokio::spawn(cloister.stop());
    assert_eq!(socket.error(1000).await, "system-shutdown");
    stopped.await.unwrap();
}

#[tokio::test]
async fn s3_7_a_stream_restarts_with_open_and_without_close() {
    let cloister = Cloister::start().await;
    let (mut socket, features) = cloister.web_authenticated("juliet", "balcony").await;
    assert!(features.has_child(ns::BIND, "bind"), "{}", features.to_xml());
    socket.bind("web").await;
    socket.alive().await;
}

#[tokio::test]
async fn s3_7_a_second_open_without_a_restart_is_an_error() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_bound("juliet", "balcony").await;
    socket.send(&open("localhost")).await;
    assert_eq!(socket.error(1000).await, "bad-format");
}

#[tokio::test]
async fn s3_8_a_quiet_client_is_sent_pings_and_no_white_space() {
    let cloister = Cloister::with("[timeouts]\nkeepalive = '1m'").await;
    let (mut socket, _) = cloister.web_bound("juliet", "balcony").await;
    elapse(Duration::from_secs(61)).await;
    assert_eq!(socket.next().await, Came::Ping(Vec::new()));
}

#[tokio::test]
async fn s3_8_pings_are_answered() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_opened().await;
    socket.send_whole(PING, b"still there?").await;
    assert_eq!(socket.next().await, Came::Pong(b"still there?".to_vec()));
}

#[tokio::test]
async fn s3_8_a_pong_keeps_a_client_as_any_byte_does() {
    let cloister = Cloister::with("[timeouts]\nidle = '1m'\nping = '30s'\nkeepalive = '0s'").await;
    let (mut socket, _) = cloister.web_bound("juliet", "balcony").await;
    elapse(Duration::from_secs(61)).await;
    let ping = socket.element().await;
    assert!(ping.has_child(ns::PING, "ping"), "{}", ping.to_xml());
    socket.send_whole(PING, b"").await;
    assert_eq!(socket.next().await, Came::Pong(Vec::new()));
    elapse(Duration::from_secs(31)).await;
    socket.alive().await;
}

#[tokio::test]
async fn s3_9_tls_is_not_offered_inside() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.web_opened().await;
    assert!(!features.has_child(ns::TLS, "starttls"), "{}", features.to_xml());
}

#[tokio::test]
async fn s3_9_no_channel_binding_is_offered_where_no_client_can_have_it() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.web_opened().await;
    let text = features.to_xml();
    assert!(text.contains("SCRAM-SHA-256<") && !text.contains("-PLUS"), "{text}");
    assert!(!text.contains(ns::SASL_CHANNEL_BINDING), "{text}");
}

#[tokio::test]
async fn s3_10_a_stream_is_resumed_over_another_websocket() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let (mut socket, jid) = cloister.web_bound("juliet", "balcony").await;
    let id = enable(&mut socket).await;
    drop(socket);
    romeo.send(format!("<message to='{jid}' type='chat'><body>Hist!</body></message>")).await;
    let (mut socket, _) = cloister.web_authenticated("juliet", "balcony").await;
    resume(&mut socket, &id).await;
    assert_eq!(body(&received(&mut socket).await), "Hist!");
    socket.alive().await;
}

#[tokio::test]
async fn s3_10_a_stream_goes_on_over_a_websocket_that_began_over_tcp() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let mut juliet = cloister.managed("juliet", "balcony").await;
    juliet.begin().await.unwrap();
    let id = juliet.id.clone().expect("a stream that can be resumed");
    romeo
        .send(format!("<message to='{}' type='chat'><body>Hist!</body></message>", juliet.jid))
        .await;
    romeo.fence().await;
    let (mut socket, _) = cloister.web_authenticated("juliet", "balcony").await;
    resume(&mut socket, &id).await;
    assert_eq!(body(&received(&mut socket).await), "Hist!");
}

#[tokio::test]
async fn s3_10_a_stream_goes_on_over_tcp_that_began_over_a_websocket() {
    let cloister = Cloister::start().await;
    let (mut socket, jid) = cloister.web_bound("juliet", "balcony").await;
    let mut juliet = cloister.managed("juliet", "balcony").await;
    juliet.id = Some(enable(&mut socket).await);
    juliet.jid = jid;
    drop(socket);
    juliet.connect().await.unwrap();
    assert_eq!(juliet.resume().await.unwrap(), Resumption::Resumed);
}

#[tokio::test]
async fn xep_0388_a_login_binds_at_once() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut socket, _) = cloister.web_opened().await;
    let bind = format!("<bind xmlns='{}'><tag>web</tag></bind>", ns::BIND2);
    let success = socket.scram2("juliet", "balcony", &bind).await.unwrap();
    assert!(success.has_child(ns::BIND2, "bound"), "{}", success.to_xml());
    socket.element().await;
    socket.alive().await;
}

#[tokio::test]
async fn rfc_6120_s6_5_a_wrong_password_is_refused() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut socket, _) = cloister.web_opened().await;
    assert_eq!(socket.scram("juliet", "orchard").await, Err("not-authorized".to_owned()));
}

#[tokio::test]
async fn rfc_6455_s5_1_frames_of_clients_are_masked() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_opened().await;
    socket.send_frame(Out { is_masked: false, ..fragment(true, TEXT, b"<a/>") }).await;
    socket.error(1002).await;
}

#[tokio::test]
async fn rfc_6455_s5_2_reserved_bits_and_opcodes_mean_nothing() {
    let cloister = Cloister::start().await;
    for first in [0xC1, 0x83, 0x8B] {
        let (mut socket, _) = cloister.web_opened().await;
        socket.send_bytes(&[first, 0x80, 0, 0, 0, 0]).await;
        socket.error(1002).await;
    }
}

#[tokio::test]
async fn rfc_6455_s5_4_a_message_may_come_in_fragments_with_a_ping_between() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_bound("juliet", "balcony").await;
    let (first, second) =
        ("<iq xmlns='jabber:client' type='get' id='ö", "'><ping xmlns='urn:xmpp:ping'/></iq>");
    // Fragments may cut a character.
    let whole = format!("{first}{second}").into_bytes();
    let (first, second) = whole.split_at(first.len() - 1);
    socket.send_frame(fragment(false, TEXT, first)).await;
    socket.send_whole(PING, b"1").await;
    socket.send_frame(fragment(false, CONTINUATION, &second[..4])).await;
    socket.send_frame(fragment(true, CONTINUATION, &second[4..])).await;
    assert_eq!(socket.next().await, Came::Pong(b"1".to_vec()));
    assert_eq!(socket.element().await.attr("id"), Some("ö"));
}

#[tokio::test]
async fn rfc_6455_s5_4_fragments_belong_to_a_message() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_opened().await;
    socket.send_frame(fragment(true, CONTINUATION, b"<a/>")).await;
    socket.error(1002).await;

    let (mut socket, _) = cloister.web_opened().await;
    socket.send_frame(fragment(false, TEXT, b"<a>")).await;
    socket.send_frame(fragment(true, TEXT, b"</a>")).await;
    socket.error(1002).await;
}

#[tokio::test]
async fn rfc_6455_s5_5_control_frames_are_short_and_whole() {
    let cloister = Cloister::start().await;
    for frame in
        [fragment(false, PING, b""), fragment(true, PING, &[0; 126]), fragment(false, PONG, b"")]
    {
        let (mut socket, _) = cloister.web_opened().await;
        socket.send_frame(frame).await;
        socket.error(1002).await;
    }
}

#[tokio::test]
async fn rfc_6455_s7_4_1_a_message_that_is_too_long_is_told_so() {
    let cloister = Cloister::with("[limits]\nstanza_bytes = '16 KiB'").await;
    let (mut socket, _) = cloister.web_bound("juliet", "balcony").await;
    socket.send(&message_of(16 * 1024)).await;
    assert!(socket.element().await.is(ns::CLIENT, "message"), "it just fits, and comes back");
    socket.send(&message_of(16 * 1024 + 1)).await;
    assert_eq!(socket.error(1009).await, "policy-violation");
}

#[tokio::test]
async fn rfc_6455_s7_4_1_fragments_count_together() {
    let cloister = Cloister::with("[limits]\nstanza_bytes = '16 KiB'").await;
    let (mut socket, _) = cloister.web_bound("juliet", "balcony").await;
    let message = message_of(16 * 1024 + 1).into_bytes();
    socket.send_frame(fragment(false, TEXT, &message[..10_000])).await;
    socket.send_frame(fragment(false, CONTINUATION, &message[10_000..])).await;
    assert_eq!(socket.error(1009).await, "policy-violation");
}

#[tokio::test]
async fn rfc_6455_s10_4_the_length_of_a_frame_is_judged_before_it_comes() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_opened().await;
    let mut head = vec![0x81, 0xFF];
    head.extend((1_u64 << 40).to_be_bytes());
    head.extend([0; 4]);
    socket.send_bytes(&head).await;
    assert_eq!(socket.error(1009).await, "policy-violation");
}

#[tokio::test]
async fn what_may_be_said_before_the_login_is_counted_over_all_messages() {
    let cloister = Cloister::with("[limits]\nlogin_bytes = '8 KiB'").await;
    let (mut socket, _) = cloister.web_opened().await;
    for _ in 0..9 {
        socket.send(&" ".repeat(1000)).await;
    }
    assert_eq!(socket.error(1000).await, "policy-violation");
}

#[tokio::test]
async fn a_login_has_its_deadline() {
    let cloister = Cloister::start().await;
    let (mut socket, _) = cloister.web_opened().await;
    elapse(cloister.server().config().timeouts.login + Duration::from_secs(1)).await;
    assert_eq!(socket.error(1000).await, "connection-timeout");
}

/// Enables stream management; returns what the stream is resumed by.
async fn enable(socket: &mut WebSocket) -> String {
    socket.send(&format!("<enable xmlns='{}' resume='true'/>", ns::SM)).await;
    let enabled = socket.element().await;
    assert!(enabled.is(ns::SM, "enabled"), "{}", enabled.to_xml());
    enabled.attr("id").expect("it can be resumed").to_owned()
}

async fn resume(socket: &mut WebSocket, id: &str) {
    socket.send(&format!("<resume xmlns='{}' previd='{id}' h='0'/>", ns::SM)).await;
    let resumed = socket.element().await;
    assert!(resumed.is(ns::SM, "resumed"), "{}", resumed.to_xml());
}

/// The next message; questions for acknowledgements are passed over.
async fn received(socket: &mut WebSocket) -> Element {
    loop {
        let element = socket.element().await;
        if element.is(ns::CLIENT, "message") {
            return element;
        }
    }
}
