//! What somebody sends who means no good: each piece earns its stream error, and costs nobody
//! else anything.

use std::collections::BTreeSet;
use std::time::Duration;

use cloister::ns;

use crate::kit::{Client, Cloister, Hash, Incoming, RawClient, Scram, body, elapse, header};

/// Where on its way a connection is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Clear,
    BeforeLogin,
    Session,
}

const EVERYWHERE: [Place; 3] = [Place::Clear, Place::BeforeLogin, Place::Session];
const BEFORE_LOGIN: [Place; 2] = [Place::Clear, Place::BeforeLogin];

async fn at(cloister: &Cloister, place: Place) -> RawClient {
    match place {
        Place::Clear => {
            let mut raw = cloister.clear().await;
            raw.open("localhost").await;
            raw
        }
        Place::BeforeLogin => cloister.opened("localhost").await.0,
        Place::Session => cloister.bound("mercutio", "queen mab").await.0,
    }
}

/// Sends `bytes` at each of the places; the stream must end with that condition, and a session
/// that has nothing to do with it must go on.
async fn refused(places: &[Place], bytes: impl AsRef<[u8]>, condition: &str) {
    let cloister = Cloister::start().await;
    let innocent = cloister.online("juliet", "balcony").await;
    for place in places {
        let mut raw = at(&cloister, *place).await;
        // The server may close before it has read everything.
        raw.try_send(bytes.as_ref()).await.unwrap_or_default();
        let bytes = bytes.as_ref();
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(100)]);
        assert_eq!(raw.error().await, condition, "{place:?}: {shown}");
    }
    innocent.expect_silence().await;
}

/// The same, as the first thing on a connection.
async fn header_refused(bytes: impl AsRef<[u8]>, condition: &str) {
    let cloister = Cloister::start().await;
    let mut raw = cloister.clear().await;
    raw.try_send(bytes.as_ref()).await.unwrap_or_default();
    let shown = String::from_utf8_lossy(bytes.as_ref());
    assert_eq!(raw.error().await, condition, "{}", &shown[..shown.len().min(100)]);
}

/// Sends pieces for as long as the server takes them.
async fn flood(raw: &mut RawClient, piece: &[u8], times: usize) {
    for _ in 0..times {
        if raw.try_send(piece).await.is_err() {
            break;
        }
    }
}

#[tokio::test]
async fn s11_1_a_document_type_is_restricted() {
    refused(&EVERYWHERE, "<!DOCTYPE lolz [<!ENTITY lol 'lol'>]>", "restricted-xml").await;
    header_refused("<!DOCTYPE lolz><stream:stream>", "restricted-xml").await;
    let bomb =
        format!("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'b'>]>{}", header("localhost", ""));
    header_refused(bomb, "restricted-xml").await;
}

#[tokio::test]
async fn s11_1_an_entity_that_xml_does_not_define_is_restricted() {
    let message = "<message to='juliet@localhost'><body>&lol;</body></message>";
    refused(&[Place::Session], message, "restricted-xml").await;
    refused(&[Place::Session], "<message to='&lol;'/>", "restricted-xml").await;
}

#[tokio::test]
async fn s11_1_a_comment_is_restricted() {
    refused(&EVERYWHERE, "<!-- hark -->", "restricted-xml").await;
    refused(&[Place::Session], "<message><!-- hark --></message>", "restricted-xml").await;
    header_refused(format!("<!-- hark -->{}", header("localhost", "")), "restricted-xml").await;
}

#[tokio::test]
async fn s11_1_a_processing_instruction_is_restricted() {
    refused(&EVERYWHERE, "<?php phpinfo() ?>", "restricted-xml").await;
    refused(&[Place::Session], "<message><?php phpinfo() ?></message>", "restricted-xml").await;
}

#[tokio::test]
async fn s11_3_what_is_not_well_formed_ends_the_stream() {
    for xml in [
        "<message></presence>",
        "<message><body></message></body>",
        "<message to=romeo/>",
        "<message to='a' to='b'/>",
        "<message to='a'from='b'/>",
        "<message to='<'/>",
        "<message>]]></message>",
        "<message>&#0;</message>",
        "<message>&#xD800;</message>",
        "<message>& </message>",
        "<1message/>",
        "< message/>",
        "</message>",
        "<message xmlns:a='urn:example:x' xmlns:b='urn:example:x' a:c='1' b:c='2'/>",
        "<message xmlns:a=''/>",
        "<message xmlns:xmlns='urn:example:x'/>",
    ] {
        refused(&[Place::Session], xml, "not-well-formed").await;
    }
}

#[tokio::test]
async fn s11_6_what_is_not_utf8_is_refused() {
    for bytes in [
        &b"\xff"[..],             // no byte of UTF-8
        &b"\xc0\xaf"[..],         // overlong
        &b"\xe0\x80\xaf"[..],     // overlong
        &b"\xed\xa0\x80"[..],     // a surrogate
        &b"\xf4\x90\x80\x80"[..], // above U+10FFFF
        &b"\xc3"[..],             // cut short
    ] {
        let xml = [b"<message to='juliet@localhost'><body>", bytes, b"</body></message>"].concat();
        let cloister = Cloister::start().await;
        let innocent = cloister.online("juliet", "balcony").await;
        let mut raw = at(&cloister, Place::Session).await;
        raw.send(&xml).await;
        let condition = raw.error().await;
        assert!(["not-well-formed", "unsupported-encoding"].contains(&condition.as_str()));
        innocent.expect_silence().await;
    }
}

#[tokio::test]
async fn s11_3_characters_that_xml_does_not_know_are_refused() {
    for character in ["\0", "\u{1}", "\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
        let message = format!("<message to='juliet@localhost'><body>{character}</body></message>");
        refused(&[Place::Session], message, "not-well-formed").await;
        let message = format!("<message to='juliet@localhost' x='{character}'/>");
        refused(&[Place::Session], message, "not-well-formed").await;
    }
}

#[tokio::test]
async fn s11_6_another_encoding_is_not_supported() {
    for utf16 in [&b"\xfe\xff\0<"[..], b"\xff\xfe<\0"] {
        header_refused(utf16, "unsupported-encoding").await;
    }
    let latin = header("localhost", "").replace("?>", " encoding='ISO-8859-1'?>");
    header_refused(latin, "unsupported-encoding").await;
}

#[tokio::test]
async fn s4_9_3_13_a_prefix_that_is_not_declared_is_not_well_formed() {
    for xml in ["<x:message/>", "<message><x:y/></message>", "<message x:y='z'/>"] {
        let cloister = Cloister::start().await;
        let mut raw = at(&cloister, Place::Session).await;
        raw.send(xml).await;
        let condition = raw.error().await;
        let allowed = ["not-well-formed", "bad-namespace-prefix"];
        assert!(allowed.contains(&condition.as_str()), "{xml}: {condition}");
    }
}

#[tokio::test]
async fn s4_8_5_a_stanza_with_a_prefix_is_bad() {
    let xml = "<c:message xmlns:c='jabber:client' to='juliet@localhost'/>";
    refused(&[Place::Session], xml, "bad-namespace-prefix").await;
}

#[tokio::test]
async fn white_space_without_end_before_the_login_is_too_much() {
    for place in BEFORE_LOGIN {
        let cloister = Cloister::start().await;
        let mut raw = at(&cloister, place).await;
        flood(&mut raw, &[b' '; 4096], 10_000).await;
        assert_eq!(raw.error().await, "policy-violation", "{place:?}");
    }
}

#[tokio::test]
async fn a_tag_a_name_a_value_or_a_text_without_end_before_the_login_is_too_much() {
    for place in BEFORE_LOGIN {
        for start in ["<", "<message to='", "<message><body>", "<message "] {
            let cloister = Cloister::start().await;
            let mut raw = at(&cloister, place).await;
            raw.send(start).await;
            flood(&mut raw, &[b'x'; 4096], 10_000).await;
            assert_eq!(raw.error().await, "policy-violation", "{place:?} {start}");
        }
    }
}

#[tokio::test]
async fn a_header_without_end_is_too_much() {
    for start in ["<s", "<stream:stream to='", "<?xml ", " "] {
        let cloister = Cloister::start().await;
        let mut raw = cloister.clear().await;
        raw.send(start).await;
        flood(&mut raw, &[b' '; 4096], 10_000).await;
        assert_eq!(raw.error().await, "policy-violation", "{start}");
    }
}

#[tokio::test]
async fn what_is_sent_in_clear_counts_for_the_clear_stream_alone() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.clear().await;
    raw.open("localhost").await;
    raw.send([b' '; 7000]).await;
    raw.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
    raw.element().await;
    let mut raw = raw.handshake(cloister.authority().client(), "localhost").await.unwrap();
    assert!(raw.open("localhost").await.has_child(ns::SASL, "mechanisms"));
}

#[tokio::test]
async fn after_the_login_the_budget_is_no_more() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for _ in 0..20 {
        juliet.send([b' '; 4096]).await;
    }
    juliet.expect_silence().await;
}

#[tokio::test]
async fn a_million_nested_elements_are_too_deep() {
    let deep = "<a>".repeat(1_000_000);
    refused(&EVERYWHERE, deep, "policy-violation").await;
}

#[tokio::test]
async fn nesting_is_accepted_up_to_the_limit() {
    let cloister = Cloister::with("[limits]\nstanza_depth = 20").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.send(nested(20)).await;
    romeo.receive().await;
    juliet.send(nested(21)).await;
    assert_eq!(juliet.stream_error().await, "policy-violation");
    romeo.expect_silence().await;
}

/// A message whose innermost element is on that level, itself being on the first.
fn nested(levels: usize) -> String {
    let inner = levels - 1;
    let (open, close) = ("<a xmlns='urn:example:a'>".repeat(inner), "</a>".repeat(inner));
    format!("<message to='romeo@localhost' type='chat'>{open}{close}</message>").replacen(
        "<a xmlns",
        "<body>x</body><a xmlns",
        1,
    )
}

#[tokio::test]
async fn a_hundred_thousand_attributes_are_too_many() {
    let attributes: String = (0..100_000).map(|number| format!(" a{number}=''")).collect();
    refused(&EVERYWHERE, format!("<message{attributes}/>"), "policy-violation").await;
}

#[tokio::test]
async fn a_thousand_declarations_are_too_many() {
    let declarations: String =
        (0..1000).map(|number| format!(" xmlns:a{number}='urn:example:{number}'")).collect();
    refused(&[Place::Session], format!("<message{declarations}/>"), "policy-violation").await;
}

#[tokio::test]
async fn attributes_are_accepted_up_to_the_limit() {
    let cloister = Cloister::with("[limits]\nstanza_attributes = 20").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.login("juliet", "balcony").await;
    let message = |count: usize| {
        // `to` and `type` count too.
        let attributes: String = (2..count).map(|number| format!(" a{number}=''")).collect();
        format!("<message to='romeo@localhost' type='chat'{attributes}><body>x</body></message>")
    };
    juliet.send(message(20)).await;
    romeo.receive().await;
    juliet.send(message(21)).await;
    assert_eq!(juliet.stream_error().await, "policy-violation");
}

#[tokio::test]
async fn s13_12_a_stanza_of_256_kib_is_accepted_and_one_byte_more_is_not() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.send(sized(256 * 1024)).await;
    assert!(body(&romeo.receive().await).len() > 255 * 1024);
    juliet.send(sized(256 * 1024 + 1)).await;
    assert_eq!(juliet.stream_error().await, "policy-violation");
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s13_12_the_limit_of_stanzas_is_the_operators() {
    let cloister = Cloister::with("[limits]\nstanza_bytes = '10000 B'").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.send(sized(10_000)).await;
    romeo.receive().await;
    juliet.send(sized(10_001)).await;
    assert_eq!(juliet.stream_error().await, "policy-violation");
}

/// A message of exactly that many bytes.
fn sized(bytes: usize) -> String {
    let (start, end) = ("<message to='romeo@localhost' type='chat'><body>", "</body></message>");
    format!("{start}{}{end}", "x".repeat(bytes - start.len() - end.len()))
}

#[tokio::test]
async fn a_client_that_writes_one_byte_at_a_time_is_served() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let mut raw = cloister.clear().await;
    slowly(&mut raw, &header("localhost", "")).await;
    raw.header().await;
    raw.element().await;
    slowly(&mut raw, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
    raw.element().await;
    let mut raw = raw.handshake(cloister.authority().client(), "localhost").await.unwrap();
    slowly(&mut raw, &header("localhost", "")).await;
    raw.header().await;
    raw.element().await;
    raw.scram(&Scram::new(Hash::Sha256, "juliet", "balcony")).await.unwrap();
    raw.restart();
    slowly(&mut raw, &header("localhost", "")).await;
    raw.header().await;
    raw.element().await;
    raw.bind(Some("balcony")).await.unwrap();
    slowly(&mut raw, "<message to='romeo@localhost' type='chat'><body>♥</body></message>").await;
    assert_eq!(body(&romeo.receive().await), "♥");
}

async fn slowly(raw: &mut RawClient, text: &str) {
    for byte in text.bytes() {
        raw.send([byte]).await;
    }
}

#[tokio::test]
async fn a_client_that_writes_slower_than_the_deadline_is_given_up() {
    let cloister = Cloister::with("[timeouts]\nlogin = '10s'").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    for byte in b"<auth xml" {
        raw.send([*byte]).await;
        // Proves that the server has seen it: another connection was served meanwhile.
        cloister.clear().await.open("localhost").await;
        elapse(Duration::from_secs(1)).await;
    }
    elapse(Duration::from_secs(2)).await;
    assert_eq!(raw.error().await, "connection-timeout");
}

#[tokio::test]
async fn a_client_that_is_cut_off_leaves_nothing_behind() {
    let cloister = Cloister::start().await;
    for place in EVERYWHERE {
        let mut raw = at(&cloister, place).await;
        raw.send("<message to='juliet@local").await;
    }
    cloister.gone("mercutio").await;
    assert_eq!(cloister.server().sessions.count(), 0);
}

#[tokio::test]
async fn connections_beyond_the_limit_of_an_address_are_closed() {
    let cloister = Cloister::with("[limits]\nconnections_per_address = 3").await;
    let juliet = cloister.login("juliet", "balcony").await;
    let mut two = Vec::new();
    for _ in 0..2 {
        let mut raw = cloister.clear().await;
        raw.open("localhost").await;
        two.push(raw);
    }
    cloister.clear().await.gone().await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn a_connection_that_ends_makes_room() {
    let cloister = Cloister::with("[limits]\nconnections_per_address = 1").await;
    for _ in 0..3 {
        let mut raw = cloister.clear().await;
        raw.open("localhost").await;
        raw.send("</stream:stream>").await;
        raw.end().await;
    }
}

#[tokio::test]
async fn addresses_that_only_look_like_another_are_not_that_other() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [
        "romeo@localhost@localhost",
        "romeo\u{200b}@localhost",
        "romeo@localhost\u{3002}x",
        "r\u{43e}meo@localhost",
    ] {
        juliet.send(format!("<message to='{to}' type='chat'><body>hi</body></message>")).await;
    }
    romeo.expect_silence().await;
}

#[tokio::test]
async fn markup_in_values_stays_in_values() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.login("juliet", "balcony").await;
    let text = "&lt;/body&gt;&lt;/message&gt;&lt;message from='nurse@localhost'/&gt;";
    let id = "&apos;/&gt;&lt;presence from=&apos;nurse@localhost";
    juliet
        .send(format!(
            "<message id=\"{id}\" to='romeo@localhost' type='chat'><body>{text}</body></message>"
        ))
        .await;
    let message = romeo.receive().await;
    assert_eq!(body(&message), "</body></message><message from='nurse@localhost'/>");
    assert_eq!(message.attr("id"), Some("'/><presence from='nurse@localhost"));
    romeo.expect_silence().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_loses_nothing() {
    let cloister = Cloister::with(
        "[limits]\noutbox_stanzas = 20\noutbox_bytes = '1 MiB'\n[timeouts]\nwrite = '5s'",
    )
    .await;
    let (mut raw, _) = cloister.bound("romeo/orchard", "orchard").await;
    raw.send("<presence/>").await;
    raw.element().await;
    let juliet = cloister.login("juliet", "balcony").await;
    // Far more than the kernel takes for a socket that is not read.
    let filler = "x".repeat(200_000);
    for number in 0..100 {
        juliet.send(message(number, &filler)).await;
    }
    juliet.fence().await;
    let mut nurse = cloister.online("nurse", "chamber").await;
    others_go_on(&juliet, &mut nurse).await;
    elapse(Duration::from_secs(6)).await;
    cloister.gone("romeo").await;
    let mut numbers = read_all(&mut raw).await;
    assert!(numbers.len() < 100, "the socket took everything");
    juliet.expect_silence().await;
    // Now he reads: what was kept is far more than the queue of a client that does not.
    let romeo = cloister.online("romeo/street", "orchard").await;
    while numbers.last() != Some(&99) {
        numbers.extend(number_of(&romeo.receive().await));
    }
    // What the link lost in the middle comes again.
    let mut seen = BTreeSet::new();
    numbers.retain(|number| seen.insert(*number));
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_client_that_does_not_read_was_sent_outlives_a_stop() {
    let cloister = Cloister::with("[limits]\noutbox_bytes = '64 MiB'\n").await;
    let (mut raw, _) = cloister.bound("romeo/orchard", "orchard").await;
    raw.send("<presence/>").await;
    raw.element().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let filler = "x".repeat(200_000);
    for number in 0..100 {
        juliet.send(message(number, &filler)).await;
    }
    juliet.fence().await;
    let cloister = cloister.restart().await;
    let mut numbers = read_all(&mut raw).await;
    assert!(numbers.len() < 100, "the socket took everything");
    let romeo = cloister.online("romeo/street", "orchard").await;
    while numbers.last() != Some(&99) {
        numbers.extend(number_of(&romeo.receive().await));
    }
    let mut seen = BTreeSet::new();
    numbers.retain(|number| seen.insert(*number));
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
}

fn message(number: usize, filler: &str) -> String {
    let body = format!("<body>{number} {filler}</body>");
    format!("<message to='romeo@localhost' type='chat'>{body}</message>")
}

fn number_of(stanza: &cloister::xml::Element) -> Option<usize> {
    body(stanza).split(' ').next()?.parse().ok()
}

/// The numbers of all messages that arrive whole.
async fn read_all(raw: &mut RawClient) -> Vec<usize> {
    let mut numbers = Vec::new();
    loop {
        match raw.next().await {
            Incoming::Element(element) => numbers.extend(number_of(&element)),
            Incoming::Gone(_) => return numbers,
            _ => {}
        }
    }
}

async fn others_go_on(juliet: &Client, nurse: &mut Client) {
    juliet.send("<message to='nurse@localhost' type='chat'><body>hi</body></message>").await;
    assert_eq!(body(&nurse.receive().await), "hi");
}
