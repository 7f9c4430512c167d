//! A browser with one cookie and no script, at the operator's console.

use std::sync::Arc;

use cloister::admin::{self, Answer, Request};
use cloister::server::Server;

use super::Cloister;
use super::http::{Http, Response, target};

/// The browser.
pub struct Browser {
    local: std::net::SocketAddr,
    server: Arc<Server>,
    /// `name=value`, if one was set.
    pub cookie: Option<String>,
}

impl Browser {
    /// One that has not signed in.
    pub fn new(server: &Cloister) -> Self {
        Browser { local: server.local(), server: Arc::clone(server.server()), cookie: None }
    }

    /// One that has signed in with a link.
    pub async fn signed_in(server: &Cloister) -> Self {
        let mut browser = Browser::new(server);
        let link = browser.link().await;
        let answer = browser.get(&link).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        browser
    }

    /// What stands behind the host in a new link.
    pub async fn link(&self) -> String {
        let Ok(Answer::ConsoleLink { url, .. }) = self.ask(Request::ConsoleLink).await else {
            panic!("no link")
        };
        assert!(url.starts_with(&format!("http://{}/", self.local)), "{url}");
        target(&url).to_owned()
    }

    /// Does what a command does.
    pub async fn ask(&self, request: Request) -> Result<Answer, admin::AdminError> {
        admin::execute(&self.server, request, |_| ()).await
    }

    /// What it calls the server.
    pub fn host(&self) -> String {
        self.local.to_string()
    }

    /// Asks with more headers, and keeps the cookie that comes.
    pub async fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let mut http = Http::clear(self.local, &self.host()).await;
        let cookie = self.cookie.clone().unwrap_or_default();
        let mut headers = headers.to_vec();
        if !cookie.is_empty() {
            headers.push(("Cookie", &cookie));
        }
        let answer = http.request(method, target, &headers, body.as_bytes()).await;
        if let Some(set) = answer.header("set-cookie") {
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        answer
    }

    /// Looks at a page.
    pub async fn get(&mut self, target: &str) -> Response {
        self.request("GET", target, &[], "").await
    }

    /// A page that is there.
    pub async fn page(&mut self, target: &str) -> String {
        let answer = self.get(target).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.text().to_owned()
    }

    /// Sends the form that signs in.
    pub async fn sign_in(&mut self, password: &str) -> Response {
        let origin = format!("http://{}", self.host());
        let body = form(&[("password", password)]);
        self.request("POST", "/console/sign-in", &[FORM, ("Origin", &origin)], &body).await
    }

    /// The token that a page's forms send along.
    pub async fn token(&mut self) -> String {
        let page = self.page("/console/about").await;
        between(&page, "name=\"form_token\" value=\"", "\"").to_owned()
    }

    /// Sends a form as its page would, and gives the answer.
    pub async fn send(&mut self, action: &str, fields: &[(&str, &str)]) -> Response {
        let token = self.token().await;
        let origin = format!("http://{}", self.host());
        let body = form(&[fields, &[("form_token", &token)]].concat());
        self.request("POST", action, &[FORM, ("Origin", &origin)], &body).await
    }

    /// Sends a form as its page would, and gives the page that follows.
    pub async fn submit(&mut self, action: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.send(action, fields).await;
        assert_eq!(answer.status, 303, "{action}: {}", answer.text());
        let to = answer.header("location").expect("where to go").to_owned();
        self.page(&to).await
    }
}

/// What a form is sent as.
pub const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Fields as a form sends them.
pub fn form(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// What stands between two texts.
pub fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap_or_else(|| panic!("no {after} behind {before}")).0
}
