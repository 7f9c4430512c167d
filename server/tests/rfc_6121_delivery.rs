//! RFC 6121 §8: where stanzas for local accounts go.

use std::sync::Arc;

use cloister::feature::Ctx;
use cloister::ns;
use cloister::router::{self, Copies, Parcel};

use crate::kit::{Client, Cloister, condition, element};

/// What becomes of a message, §8.5.4.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// S: nobody hears of it.
    Silence,
    /// E: the sender is told.
    Error,
    /// O or E: kept, or the sender is told.
    Kept,
    /// D, M or A: these resources get it.
    For(&'static [&'static str]),
}

use Fate::{Error, For, Kept, Silence};

const TYPES: [&str; 5] = ["normal", "chat", "groupchat", "headline", "error"];

/// Address, then what becomes of each of [`TYPES`].
///
/// `several` has the resources high (priority 5), low (0) and shy (-1); `one` has one (0); `shy`
/// has shy (-1), `still` is connected and not available, `away` has no connection.
const TABLE: [(&str, [Fate; 5]); 15] = [
    // The account does not exist.
    ("nobody@localhost", [Error, Error, Error, Silence, Silence]),
    ("nobody@localhost/any", [Error, Error, Error, Error, Silence]),
    // No active resources.
    ("away@localhost", [Kept, Kept, Error, Silence, Silence]),
    ("away@localhost/any", [Error, Kept, Error, Error, Silence]),
    // A connected resource gets what names it.
    ("still@localhost", [Kept, Kept, Error, Silence, Silence]),
    ("still@localhost/still", [For(&["still"]); 5]),
    // Only negative resources.
    ("shy@localhost", [Kept, Kept, Error, Silence, Silence]),
    ("shy@localhost/shy", [For(&["shy"]); 5]),
    ("shy@localhost/any", [Error, Kept, Error, Error, Silence]),
    // One non-negative resource.
    ("one@localhost", [For(&["one"]), For(&["one"]), Error, For(&["one"]), Silence]),
    ("one@localhost/one", [For(&["one"]); 5]),
    ("one@localhost/any", [Error, For(&["one"]), Error, Error, Silence]),
    // Several.
    ("several@localhost", [For(&["high"]), For(&["high"]), Error, For(&["high", "low"]), Silence]),
    ("several@localhost/shy", [For(&["shy"]); 5]),
    ("several@localhost/any", [Error, For(&["high"]), Error, Error, Silence]),
];

#[tokio::test]
async fn s8_5_4_messages_go_where_the_table_says() {
    let cloister = Cloister::start().await;
    let sender = cloister.online("sender", "pencil").await;
    cloister.account("away", "pencil").await;
    let receivers = receivers(&cloister).await;
    for (to, fates) in TABLE {
        for (kind, fate) in TYPES.into_iter().zip(fates) {
            let message = format!("<message to='{to}' type='{kind}'><body>hi</body></message>");
            sender.send(message).await;
            check(&sender, &receivers, fate, &format!("{kind} to {to}")).await;
        }
    }
}

async fn receivers(cloister: &Cloister) -> Vec<Client> {
    let mut receivers = Vec::new();
    let all = [
        ("still/still", None),
        ("shy/shy", Some(-1)),
        ("one/one", Some(0)),
        ("several/shy", Some(-1)),
        ("several/low", Some(0)),
        ("several/high", Some(5)),
    ];
    for (name, priority) in all {
        let client = cloister.login(name, "pencil").await;
        if let Some(priority) = priority {
            let priority = format!("<priority>{priority}</priority>");
            client.send(format!("<presence>{priority}</presence>")).await;
        }
        receivers.push(client);
    }
    for client in &receivers {
        client.drain().await;
    }
    receivers
}

async fn check(sender: &Client, receivers: &[Client], fate: Fate, case: &str) {
    let came = sender.drain().await;
    let told = came.len();
    for error in came {
        assert_eq!(error.attr("type"), Some("error"), "{case}: {}", error.to_xml());
        assert_eq!(condition(&error), "service-unavailable", "{case}");
    }
    let (told_expected, resources): (&[usize], &[&str]) = match fate {
        Silence => (&[0], &[]),
        Error => (&[1], &[]),
        Kept => (&[0, 1], &[]),
        For(resources) => (&[0], resources),
    };
    assert!(told_expected.contains(&told), "{case}: the sender was told {told} times");
    let account = case.rsplit(' ').next().unwrap().split('/').next().unwrap();
    for receiver in receivers {
        let is_for = receiver.bare() == account && resources.contains(&receiver.resource());
        let messages = receiver.drain().await;
        assert_eq!(messages.len(), usize::from(is_for), "{case} at {}", receiver.jid());
        for message in messages {
            let to = case.rsplit(' ').next();
            assert_eq!(message.attr("to"), to, "§8.5.2.1.1: the address is not rewritten");
            assert_eq!(message.attr("from"), Some(sender.jid()));
        }
    }
}

#[tokio::test]
async fn s8_5_2_1_1_equal_resources_all_get_a_chat_message() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let one = cloister.online("juliet", "balcony").await;
    let two = cloister.online("juliet", "balcony").await;
    one.drain().await;
    two.drain().await;
    romeo.send("<message to='juliet@localhost' type='chat'><body>hi</body></message>").await;
    for client in [&one, &two] {
        assert!(client.receive().await.is(ns::CLIENT, "message"));
    }
}

#[tokio::test]
async fn s8_5_3_1_a_request_is_relayed_only_to_who_shares_presence_with_the_sender() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    let version = "<query xmlns='jabber:iq:version'/>";
    for to in [romeo.jid(), "romeo@localhost/none", "nobody@localhost/none"] {
        let error = juliet.iq_error("get", Some(to), ping).await;
        assert_eq!(error, "service-unavailable", "{to}");
    }
    romeo.expect_silence().await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    juliet.send(format!("<iq id='v1' to='{}' type='get'>{version}</iq>", romeo.jid())).await;
    let request = romeo.receive().await;
    assert_eq!(request.attr("from"), Some(juliet.jid()));
    romeo.send(format!("<iq id='v1' to='{}' type='result'>{version}</iq>", juliet.jid())).await;
    assert_eq!(juliet.receive().await.attr("type"), Some("result"));
}

#[tokio::test]
async fn s8_5_3_1_seeing_the_other_is_not_being_seen() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    // Romeo sees Juliet, and she does not see him.
    romeo.send("<presence to='juliet@localhost' type='subscribe'/>").await;
    juliet.receive().await;
    juliet.send("<presence to='romeo@localhost' type='subscribed'/>").await;
    juliet.drain().await;
    romeo.drain().await;
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    let error = juliet.iq_error("get", Some(romeo.jid()), ping).await;
    assert_eq!(error, "service-unavailable");
    romeo.expect_silence().await;
    romeo.send(format!("<iq id='p1' to='{}' type='get'>{ping}</iq>", juliet.jid())).await;
    assert_eq!(juliet.receive().await.attr("id"), Some("p1"));
}

#[tokio::test]
async fn s8_5_3_1_directed_presence_opens_the_way_for_requests() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let ping =
        format!("<iq id='p1' to='{}' type='get'><ping xmlns='urn:xmpp:ping'/></iq>", romeo.jid());
    romeo.send(format!("<presence to='{}'/>", juliet.jid())).await;
    juliet.receive().await;
    juliet.send(&ping).await;
    assert_eq!(romeo.receive().await.attr("id"), Some("p1"));
    romeo.send(format!("<presence to='{}' type='unavailable'/>", juliet.jid())).await;
    juliet.receive().await;
    juliet.send(&ping).await;
    assert_eq!(condition(&juliet.receive().await), "service-unavailable");
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s8_5_3_1_the_own_resources_may_always_be_asked() {
    let cloister = Cloister::start().await;
    let one = cloister.login("juliet", "balcony").await;
    let two = cloister.login("juliet", "balcony").await;
    one.send(format!("<iq id='p1' to='{}' type='get'><x xmlns='y'/></iq>", two.jid())).await;
    assert_eq!(two.receive().await.attr("id"), Some("p1"));
}

#[tokio::test]
async fn s8_5_3_1_answers_are_relayed_to_anybody() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    juliet.send(format!("<iq id='r1' to='{}' type='result'/>", romeo.jid())).await;
    assert_eq!(romeo.receive().await.attr("id"), Some("r1"));
    juliet.send("<iq id='r2' to='romeo@localhost/none' type='result'/>").await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s8_5_1_presence_for_nobody_is_ignored() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in ["nobody@localhost", "nobody@localhost/any", "localhost", "localhost/any"] {
        juliet.send(format!("<presence to='{to}'/>")).await;
        juliet.send(format!("<presence to='{to}' type='unavailable'/>")).await;
        for kind in ["subscribed", "unsubscribe", "unsubscribed"] {
            juliet.send(format!("<presence to='{to}' type='{kind}'/>")).await;
        }
    }
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s8_5_2_1_2_presence_for_an_account_goes_to_its_available_resources() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let available = cloister.online("romeo", "orchard").await;
    let connected = cloister.login("romeo", "orchard").await;
    juliet.send("<presence to='romeo@localhost'><show>chat</show></presence>").await;
    let presence = available.receive().await;
    assert_eq!(presence.attr("to"), Some("romeo@localhost"));
    assert!(presence.has_child(ns::CLIENT, "show"));
    connected.expect_silence().await;
}

#[tokio::test]
async fn s8_5_3_presence_for_a_resource_goes_there_or_nowhere() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let available = cloister.online("romeo", "orchard").await;
    let connected = cloister.login("romeo", "orchard").await;
    juliet.send(format!("<presence to='{}'/>", connected.jid())).await;
    assert_eq!(connected.receive().await.attr("from"), Some(juliet.jid()));
    juliet.send("<presence to='romeo@localhost/none'/>").await;
    available.expect_silence().await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn a_message_for_several_resources_goes_back_to_the_account_when_all_have_lost_it() {
    let cloister = Cloister::start().await;
    let romeo = cloister.login("romeo", "orchard").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let cx = Ctx { server: Arc::clone(cloister.server()), session: None };
    let message = element(&format!(
        "<message from='{}' to='juliet@localhost' type='chat'><body>hi</body></message>",
        romeo.jid()
    ));
    let parcel = Parcel::new(&message, cx.server.clock.now());
    let lost = Parcel { copies: Some(Copies::new(2)), ..parcel };
    router::return_undelivered(&cx, [lost.clone()]).await;
    juliet.expect_silence().await;
    router::return_undelivered(&cx, [lost]).await;
    assert_eq!(juliet.receive().await.attr("from"), Some(romeo.jid()));
}
