//! STARTTLS, RFC 6120 §5: the only thing that an unprotected connection understands.

use tokio::io::{AsyncRead, AsyncWrite};

use super::StreamError;
use super::header::unknown_host;
use super::transport::{Closed, Ended, Transport};
use crate::jid::Domain;
use crate::ns;
use crate::server::Server;
use crate::xml::Element;

/// A connection in clear.
#[derive(Debug)]
pub struct Plain<S>(Transport<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Plain<S> {
    /// A fresh connection.
    pub fn new(transport: Transport<S>) -> Self {
        Plain(transport)
    }

    /// Talks until TLS is agreed on; returns the bare socket and the domain that was asked for.
    ///
    /// # Errors
    /// The stream ended.
    pub async fn negotiate(mut self, server: &Server) -> Result<(S, Domain), Ended<S>> {
        match self.talk(server).await {
            Ok(domain) => Ok((self.0.into_inner(), domain)),
            Err(why) => Err(Ended { transport: self.0, why }),
        }
    }

    async fn talk(&mut self, server: &Server) -> Result<Domain, Closed> {
        let opening = self.0.opening().await?;
        let domain = opening.to.filter(|to| server.serves(to.as_str())).ok_or_else(unknown_host)?;
        self.0.open(&domain, opening.from.as_ref(), &server.stream_id());
        let required = Element::new(ns::TLS, "required");
        let starttls = Element::new(ns::TLS, "starttls").with_child(required);
        self.0.send(&Element::new(ns::STREAMS, "features").with_child(starttls)).await?;
        loop {
            let element = self.0.element().await?;
            if element.is(ns::TLS, "starttls") {
                break;
            }
            self.refuse(&element).await?;
        }
        if self.0.has_unread_bytes() {
            // RFC 6120 §5.4.3.3: what came in clear must not be taken for protected input. A
            // client waits for the answer; whoever does not is not the client.
            return Err(StreamError::policy_violation("bytes behind starttls").into());
        }
        self.0.send(&Element::new(ns::TLS, "proceed")).await?;
        Ok(domain)
    }

    async fn refuse(&mut self, element: &Element) -> Result<(), Closed> {
        if element.is(ns::SASL, "auth") {
            // RFC 6120 §6.5.4: the login needs TLS.
            let reason = Element::new(ns::SASL, "encryption-required");
            return self.0.send(&Element::new(ns::SASL, "failure").with_child(reason)).await;
        }
        Err(StreamError::not_authorized("TLS comes first").into())
    }
}
