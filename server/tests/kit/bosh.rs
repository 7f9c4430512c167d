//! A client of BOSH (XEP-0124, XEP-0206): it counts its requests, and makes each by hand.

use std::collections::VecDeque;
use std::net::SocketAddr;

use cloister::ns;
use cloister::xml::{Element, Parser};
use rustls::ClientConfig;

use super::exchange::Exchange;
use super::http::{Http, Response};
use super::server::{Address, Cloister};

/// Where it is.
pub const PATH: &str = "/http-bind";

/// The `rid` of the first request.
pub const FIRST: u64 = 1_573_741_820;

/// A session.
pub struct Bosh {
    address: SocketAddr,
    tls: ClientConfig,
    /// Connections on which nothing is under way.
    idle: Vec<Http>,
    pub sid: String,
    /// Of the last request.
    pub rid: u64,
    domain: String,
    heard: VecDeque<Element>,
}

/// A request that has no answer yet.
pub struct Asked(Http);

/// The beginning of a `<body/>` with these attributes.
pub fn body(attributes: &str, inside: &str) -> String {
    let ns = ns::BOSH;
    format!("<body xmlns='{ns}' xmlns:xmpp='{}' {attributes}>{inside}</body>", ns::XBOSH)
}

/// A request for a session to a domain, as a client makes it.
pub fn wish(domain: &str, more: &str) -> String {
    let hold = if more.contains("hold=") { "" } else { "hold='1'" };
    body(
        &format!(
            "rid='{FIRST}' to='{domain}' xml:lang='en' ver='1.6' xmpp:version='1.0' wait='60' \
             {hold} {more}"
        ),
        "",
    )
}

/// The `<body/>` of an answer.
pub fn read(response: &Response) -> Element {
    let body = Parser::new().parse(response.text().as_bytes());
    let body = body.unwrap_or_else(|error| panic!("{error}: {}", response.text()));
    assert!(body.is(ns::BOSH, "body"), "{}", body.to_xml());
    body
}

impl Cloister {
    /// The answer to one request.
    pub async fn post(&self, xml: &str) -> Response {
        self.browser().await.request("POST", PATH, &[], xml.as_bytes()).await
    }

    /// A session to `localhost`, and the answer to the request for it.
    pub async fn bosh(&self, more: &str) -> (Bosh, Element) {
        let answer = self.post(&wish("localhost", more)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = read(&answer);
        let sid = answer.attr("sid").unwrap_or_else(|| panic!("{}", answer.to_xml())).to_owned();
        let bosh = Bosh {
            address: self.https(),
            tls: self.authority().client(),
            idle: Vec::new(),
            sid,
            rid: FIRST,
            domain: "localhost".to_owned(),
            heard: VecDeque::new(),
        };
        (bosh, answer)
    }

    /// A session after the login, and the features. The account is made if it is missing.
    pub async fn bosh_authenticated(&self, name: &str, password: &str) -> (Bosh, Element) {
        self.account(name, password).await;
        let (mut bosh, answer) = self.bosh("").await;
        if !answer.has_child(ns::STREAMS, "features") {
            bosh.features().await;
        }
        bosh.scram(&Address::parse(name).local, password).await.unwrap();
        let features = bosh.restart().await;
        (bosh, features)
    }

    /// A session with a resource, and its full address.
    pub async fn bosh_bound(&self, name: &str, password: &str) -> (Bosh, String) {
        let (mut bosh, _) = self.bosh_authenticated(name, password).await;
        let resource = Address::parse(name).resource.unwrap_or_else(|| "bosh".to_owned());
        let jid = bosh.bind(&resource).await;
        (bosh, jid)
    }
}

impl Bosh {
    /// A request with a number of the test's.
    pub fn numbered(&self, rid: u64, attributes: &str, inside: &str) -> String {
        body(&format!("rid='{rid}' sid='{}' {attributes}", self.sid), inside)
    }

    /// The next request.
    pub fn next(&mut self, attributes: &str, inside: &str) -> String {
        self.rid += 1;
        self.numbered(self.rid, attributes, inside)
    }

    /// Uses new connections from now on: the server closes those on which long nothing was asked.
    pub fn reconnect(&mut self) {
        self.idle.clear();
    }

    /// Sends a request on a connection of its own.
    pub async fn ask(&mut self, request: &str) -> Asked {
        let mut http = match self.idle.pop() {
            Some(http) => http,
            None => Http::tls(self.address, self.tls.clone(), "localhost").await,
        };
        let length = request.len().to_string();
        let head = http.head("POST", PATH, &[("Content-Length", &length)]);
        http.send(head + request).await;
        Asked(http)
    }

    /// The answer to a request, with its headers.
    pub async fn response(&mut self, asked: Asked) -> Response {
        let Asked(mut http) = asked;
        let response = http.response().await;
        self.idle.push(http);
        response
    }

    /// The answer to a request.
    pub async fn answer(&mut self, asked: Asked) -> Element {
        let response = self.response(asked).await;
        assert_eq!(response.status, 200, "{response:?}");
        read(&response)
    }

    /// Sends the next request, and waits for its answer.
    pub async fn request(&mut self, attributes: &str, inside: &str) -> Element {
        let request = self.next(attributes, inside);
        self.once(&request).await
    }

    /// Sends a request, and waits for its answer.
    pub async fn once(&mut self, request: &str) -> Element {
        let asked = self.ask(request).await;
        self.answer(asked).await
    }

    /// Waits for the next element, asking for it.
    pub async fn receive(&mut self) -> Element {
        loop {
            if let Some(element) = self.heard.pop_front() {
                return element;
            }
            let answer = self.request("", "").await;
            self.note(&answer);
        }
    }

    /// Takes note of what is in an answer, to be [received](Self::receive).
    pub fn note(&mut self, answer: &Element) {
        assert_eq!(answer.attr("type"), None, "{}", answer.to_xml());
        self.heard.extend(answer.children().cloned());
    }

    /// The features, which come now.
    pub async fn features(&mut self) -> Element {
        let features = self.receive().await;
        assert!(features.is(ns::STREAMS, "features"), "not features: {}", features.to_xml());
        features
    }

    /// Restarts the stream; returns the features.
    pub async fn restart(&mut self) -> Element {
        let restart = format!("to='{}' xml:lang='en' xmpp:restart='true'", self.domain);
        let answer = self.request(&restart, "").await;
        self.note(&answer);
        self.features().await
    }
}

impl Exchange for Bosh {
    async fn say(&mut self, xml: &str) {
        let answer = self.request("", xml).await;
        self.note(&answer);
    }

    async fn hear(&mut self) -> Element {
        self.receive().await
    }
}

/// The condition of an answer that ends its session.
pub fn ended(answer: &Element) -> Option<&str> {
    assert_eq!(answer.attr("type"), Some("terminate"), "{}", answer.to_xml());
    answer.attr("condition")
}
