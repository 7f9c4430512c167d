//! A client that other people wrote, the crate `tokio-xmpp`, against this server.
//!
//! Only TCP and TLS are ours: that crate trusts the machine's authorities, and these tests have one
//! of their own. Streams, STARTTLS, SASL, binding and stanzas are all its own work.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::{SinkExt, StreamExt};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use sasl::common::ChannelBinding;
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_xmpp::connect::ServerConnector;
use tokio_xmpp::jid::{BareJid, Jid};
use tokio_xmpp::parsers::message::{Lang, Message};
use tokio_xmpp::parsers::presence::Presence;
use tokio_xmpp::parsers::starttls::{Nonza, Request};
use tokio_xmpp::xmlstream::{
    PendingFeaturesRecv, StreamHeader, Timeouts, XmppStreamElement, initiate_stream,
};
use tokio_xmpp::{Client, Error, Event, Stanza};

use crate::kit::{Cloister, within};

/// Connects to a test server.
#[derive(Clone)]
struct Connector {
    address: SocketAddr,
    config: Arc<ClientConfig>,
    direct: bool,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector({})", self.address)
    }
}

impl ServerConnector for Connector {
    type Stream = BufStream<TlsStream<TcpStream>>;

    async fn connect(
        &self,
        jid: &Jid,
        ns: &'static str,
        timeouts: Timeouts,
    ) -> Result<(PendingFeaturesRecv<Self::Stream>, ChannelBinding), Error> {
        let domain = jid.domain().to_string();
        let header = || StreamHeader {
            to: Some(Cow::Owned(domain.clone())),
            // As its own connector for direct TLS does.
            from: self.direct.then(|| Cow::Owned(jid.to_bare().to_string())),
            id: None,
        };
        let mut socket = TcpStream::connect(self.address).await?;
        if !self.direct {
            let plain = initiate_stream(BufStream::new(socket), ns, header(), timeouts).await?;
            socket = starttls(plain).await?;
        }
        let name = ServerName::try_from(domain.clone()).unwrap();
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let tls = connector.connect(name, socket).await?;
        let exporter = tls
            .get_ref()
            .1
            .export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", None)
            .unwrap();
        let stream = initiate_stream(BufStream::new(tls), ns, header(), timeouts).await?;
        Ok((stream, ChannelBinding::TlsExporter(exporter)))
    }
}

/// Its own STARTTLS, up to the handshake.
async fn starttls(plain: PendingFeaturesRecv<BufStream<TcpStream>>) -> Result<TcpStream, Error> {
    let (features, mut stream) = plain.recv_features::<XmppStreamElement>().await?;
    assert!(features.can_starttls());
    stream.send(&XmppStreamElement::Starttls(Nonza::Request(Request))).await?;
    let answer = stream.next().await;
    let proceeds = matches!(answer, Some(Ok(XmppStreamElement::Starttls(Nonza::Proceed(_)))));
    assert!(proceeds, "{answer:?}");
    Ok(stream.into_inner().into_inner())
}

/// Connects, and waits until the client is online.
async fn online(cloister: &Cloister, jid: &str, password: &str, direct: bool) -> Client {
    cloister.account(jid.split('/').next().unwrap(), password).await;
    let addresses = if direct { cloister.tls_addresses() } else { cloister.addresses() };
    let config = Arc::new(cloister.authority().client());
    let connector = Connector { address: addresses[0], config, direct };
    let jid = Jid::new(jid).unwrap();
    let mut client = Client::new_with_connector(jid, password, connector, Timeouts::tight());
    let event = next(&mut client).await;
    assert!(event.is_online(), "{event:?}");
    client.send_stanza(Presence::available().into()).await.unwrap();
    client
}

async fn next(client: &mut Client) -> Event {
    within("tokio-xmpp", client.next()).await.expect("the client is alive")
}

/// The body of the next message, and who it is from.
async fn message(client: &mut Client) -> (String, String) {
    loop {
        match next(client).await {
            Event::Stanza(Stanza::Message(message)) => {
                let (_, body) = message.get_best_body_cloned(vec![]).expect("a body");
                return (message.from.unwrap().to_string(), body);
            }
            Event::Disconnected(error) => panic!("{error}"),
            _ => {}
        }
    }
}

async fn say(client: &mut Client, to: &str, body: &str) {
    let to = Jid::from(BareJid::new(to).unwrap());
    let message = Message::chat(to).with_body(Lang::from("en"), body.to_owned());
    client.send_stanza(message.into()).await.unwrap();
}

#[tokio::test]
async fn it_logs_in_over_starttls_and_is_given_its_resource() {
    let cloister = Cloister::start().await;
    let client = online(&cloister, "juliet@localhost/balcony", "capulet", false).await;
    assert_eq!(client.bound_jid().unwrap().to_string(), "juliet@localhost/balcony");
}

#[tokio::test]
async fn it_logs_in_over_direct_tls() {
    let cloister = Cloister::start().await;
    let client = online(&cloister, "juliet@localhost/balcony", "capulet", true).await;
    assert_eq!(client.bound_jid().unwrap().to_string(), "juliet@localhost/balcony");
}

#[tokio::test]
async fn two_of_them_talk_to_each_other() {
    let cloister = Cloister::start().await;
    let mut juliet = online(&cloister, "juliet@localhost/balcony", "capulet", false).await;
    let mut romeo = online(&cloister, "romeo@localhost/orchard", "montague", true).await;
    say(&mut juliet, "romeo@localhost", "Art thou not Romeo?").await;
    let heard = message(&mut romeo).await;
    assert_eq!(heard.0, "juliet@localhost/balcony");
    assert_eq!(heard.1, "Art thou not Romeo?");
    say(&mut romeo, "juliet@localhost", "Neither, fair maid <&> \u{1F339}").await;
    assert_eq!(message(&mut juliet).await.1, "Neither, fair maid <&> \u{1F339}");
}

#[tokio::test]
async fn it_talks_to_the_client_of_these_tests() {
    let cloister = Cloister::start().await;
    let nurse = cloister.online("nurse", "chamber").await;
    let mut juliet = online(&cloister, "juliet@localhost/balcony", "capulet", false).await;
    say(&mut juliet, "nurse@localhost", "What says he of our marriage?").await;
    let heard = nurse.receive().await;
    assert_eq!(heard.attr("from"), Some("juliet@localhost/balcony"));
    assert_eq!(crate::kit::body(&heard), "What says he of our marriage?");
    let answer = "<message to='juliet@localhost' type='chat'><body>Lord, how my head aches!</body></message>";
    nurse.send(answer).await;
    assert_eq!(message(&mut juliet).await.1, "Lord, how my head aches!");
}

#[tokio::test]
async fn its_goodbye_is_understood() {
    let cloister = Cloister::start().await;
    let juliet = online(&cloister, "juliet@localhost/balcony", "capulet", false).await;
    within("the goodbye", juliet.send_end()).await.unwrap();
    cloister.gone("juliet").await;
}
