//! The closed sets that counters are divided by. Nothing that a peer chooses is a label: no address, no
//! name, no text.

/// A closed set of names.
pub trait Label: Copy + 'static {
    /// What the set is called in monitoring.
    const NAME: &'static str;
    /// All of it.
    const ALL: &'static [Self];

    /// The place among all of them.
    fn index(self) -> usize;

    /// The name in monitoring.
    fn as_str(self) -> &'static str;
}

macro_rules! labels {
    ($($(#[$doc:meta])* $set:ident $name:literal { $($(#[$item:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $set { $($(#[$item])* $variant,)* }

        impl Label for $set {
            const NAME: &'static str = $name;
            const ALL: &'static [Self] = &[$($set::$variant,)*];

            fn index(self) -> usize {
                self as usize
            }

            fn as_str(self) -> &'static str {
                match self { $($set::$variant => $text,)* }
            }
        }
    )*};
}

labels! {
    /// What a stanza is.
    StanzaKind "kind" {
        /// `<message/>`
        Message = "message",
        /// `<presence/>`
        Presence = "presence",
        /// `<iq/>`
        Iq = "iq",
    }

    /// How a connection came.
    Transport "transport" {
        /// In clear, for STARTTLS.
        StartTls = "starttls",
        /// With TLS from the first byte.
        DirectTls = "tls",
        /// On the port that browsers use.
        Https = "https",
        /// From a reverse proxy.
        Http = "http",
        /// In clear, for certificate authorities.
        Acme = "acme",
        /// On the operator's own listener.
        Local = "local",
    }

    /// What the bytes of a stream are wrapped in.
    Carrier "carrier" {
        /// TCP and TLS.
        Tcp = "tcp",
        /// RFC 7395.
        WebSocket = "websocket",
        /// XEP-0124.
        Bosh = "bosh",
    }

    /// Why a connection was not let in.
    Refused "reason" {
        /// There are as many as there may be.
        Full = "full",
        /// There are as many from its address.
        Address = "address",
    }

    /// Why a TLS handshake came to nothing.
    Handshake "reason" {
        /// The two could not agree, or the connection was lost.
        Failed = "failed",
        /// It took too long.
        Late = "timeout",
    }

    /// How something ended.
    Outcome "result" {
        /// As it should.
        Ok = "ok",
        /// It did not.
        Failed = "failed",
    }

    /// Why nothing could be stored.
    StoreFault "fault" {
        /// There is no room on the disk.
        Full = "full",
        /// The disk, or what lies on it, is damaged.
        Broken = "broken",
    }

    /// Why a place for a file was refused.
    UploadRefused "reason" {
        /// The file is too large.
        Size = "size",
        /// The account has as much as it may have.
        Account = "account",
        /// All accounts have as much as they may have.
        Total = "total",
        /// It asked too often.
        Rate = "rate",
        /// There is no room on the disk.
        Disk = "disk",
        /// Whoever asked may not.
        Forbidden = "forbidden",
    }

    /// What was asked for by HTTP.
    Route "route" {
        /// Files.
        Upload = "upload",
        /// An invitation's page.
        Invite = "invite",
        /// RFC 7395.
        WebSocket = "websocket",
        /// XEP-0124.
        Bosh = "bosh",
        /// XEP-0156.
        HostMeta = "host-meta",
        /// RFC 8555 §8.3.
        Acme = "acme",
        /// Style sheets and the like.
        Assets = "assets",
        /// The operator's pages.
        Console = "console",
        /// What monitoring asks.
        Monitoring = "monitoring",
        /// All else, most of which is not there.
        Other = "other",
    }

    /// The first digit of a status of HTTP.
    StatusClass "status" {
        /// Goes on.
        Informational = "1xx",
        /// Done.
        Successful = "2xx",
        /// Elsewhere, or unchanged.
        Redirection = "3xx",
        /// The client's fault.
        ClientError = "4xx",
        /// The server's fault.
        ServerError = "5xx",
    }

    /// What an operator may want to look at.
    FailureKind "kind" {
        /// Somebody did not get in.
        Login = "login",
        /// The disk.
        Store = "store",
        /// Certificates.
        Certificate = "certificate",
        /// Files.
        Upload = "upload",
        /// Invitations.
        Invitation = "invitation",
        /// HTTP, with an answer that says that the server is at fault.
        Http = "http",
        /// Whoever tried to get into the console.
        Console = "console",
    }
}

impl StatusClass {
    /// That of a status; what is none of HTTP is the server's fault.
    pub fn of(status: u16) -> Self {
        match status / 100 {
            1 => StatusClass::Informational,
            2 => StatusClass::Successful,
            3 => StatusClass::Redirection,
            4 => StatusClass::ClientError,
            _ => StatusClass::ServerError,
        }
    }
}

impl Route {
    /// That of a path as the client wrote it.
    pub fn of(path: &str) -> Self {
        if path.starts_with("/.well-known/acme-challenge/") {
            return Route::Acme;
        }
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        match first {
            "upload" => Route::Upload,
            "invite" => Route::Invite,
            "xmpp-websocket" => Route::WebSocket,
            "http-bind" => Route::Bosh,
            ".well-known" => Route::HostMeta,
            "assets" => Route::Assets,
            "console" => Route::Console,
            "metrics" | "health" => Route::Monitoring,
            _ => Route::Other,
        }
    }
}

/// RFC 6120 §6.5 and what XEP-0388 adds: what a login fails with.
pub const LOGIN_CONDITIONS: &[&str] = &[
    "aborted",
    "account-disabled",
    "credentials-expired",
    "incorrect-encoding",
    "invalid-authzid",
    "invalid-mechanism",
    "malformed-request",
    "not-authorized",
    "temporary-auth-failure",
    "other",
];

/// RFC 6120 §8.3.3: what a stanza is answered with.
pub const STANZA_CONDITIONS: &[&str] = &[
    "bad-request",
    "conflict",
    "feature-not-implemented",
    "forbidden",
    "gone",
    "internal-server-error",
    "item-not-found",
    "jid-malformed",
    "not-acceptable",
    "not-allowed",
    "not-authorized",
    "policy-violation",
    "recipient-unavailable",
    "redirect",
    "registration-required",
    "remote-server-not-found",
    "remote-server-timeout",
    "resource-constraint",
    "service-unavailable",
    "subscription-required",
    "undefined-condition",
    "unexpected-request",
    "other",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_known_by_its_first_part() {
        assert_eq!(Route::of("/upload/xyz/picture.jpg"), Route::Upload);
        assert_eq!(Route::of("/.well-known/host-meta.json"), Route::HostMeta);
        assert_eq!(Route::of("/health/ready"), Route::Monitoring);
        assert_eq!(Route::of("/"), Route::Other);
        assert_eq!(Route::of("/uploads"), Route::Other);
    }

    #[test]
    fn a_status_is_known_by_its_first_digit() {
        assert_eq!(StatusClass::of(206), StatusClass::Successful);
        assert_eq!(StatusClass::of(413), StatusClass::ClientError);
        assert_eq!(StatusClass::of(7), StatusClass::ServerError);
    }

    #[test]
    fn a_set_knows_its_places() {
        for (index, kind) in FailureKind::ALL.iter().enumerate() {
            assert_eq!(kind.index(), index);
            assert!(
                FailureKind::ALL.iter().filter(|other| other.as_str() == kind.as_str()).count()
                    == 1
            );
        }
    }
}
