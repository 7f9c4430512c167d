//! The `<body/>` wrapper of a request, XEP-0124 §5.
//!
//! Read in two steps, so that nobody has us parse much before the session is known: first the open tag, then
//! the elements inside, cut by the same framer and under the same limits as those of a stream.

use std::time::Duration;

use super::Condition;
use crate::ns;
use crate::xml::{Element, Frame, Framer, Header, Limits, XmlError};

/// No session counts beyond 2^53 - 1 (§14.1).
const LAST_RID: u64 = 9_007_199_254_740_991;

/// Bytes of the open tag, an XML declaration before it included. Those of real clients have 400 at most.
pub const LONGEST_TAG: usize = 4096;

/// What the open tag of a request says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `rid`: which request of its session this is.
    pub rid: u64,
    /// `sid`: the session; nothing asks for a new one.
    pub sid: Option<String>,
    /// `key` (§15).
    pub key: Option<String>,
    /// `newkey` (§15).
    pub newkey: Option<String>,
    /// `ack` (§9.2).
    pub ack: Option<u64>,
    /// `pause` (§10).
    pub pause: Option<Duration>,
    /// `type='terminate'` (§13).
    pub terminates: bool,
    /// `xmpp:restart` (XEP-0206 §5).
    pub restarts: bool,
    /// `to`, as written.
    pub to: Option<String>,
    /// `from`, as written.
    pub from: Option<String>,
    /// `xml:lang`
    pub lang: Option<String>,
    /// `xmpp:version`, as written.
    pub version: Option<String>,
    /// `ver`, `wait`, `hold` and `content`: what a new session is asked to be (§7.1).
    pub wish: Wish,
}

/// What a client wants of a new session, §7.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// `ver`, as written.
    pub ver: Option<String>,
    /// `wait`, in seconds.
    pub wait: Option<u64>,
    /// `hold`
    pub hold: Option<u64>,
    /// `content`, as written.
    pub content: Option<String>,
}

/// A request whose open tag is read.
#[derive(Debug)]
pub struct Body {
    /// What the open tag says.
    pub head: Head,
    framer: Framer,
    header: Header,
    /// `<body/>`: nothing is inside.
    is_empty: bool,
}

impl Body {
    /// Reads the open tag; `bytes` are the whole request.
    ///
    /// # Errors
    /// It is no `<body/>`, or an attribute cannot be what it must.
    pub fn open(bytes: &[u8]) -> Result<Self, Condition> {
        let bytes = bytes.trim_ascii_end();
        let mut framer = Framer::new(Limits { max_bytes: LONGEST_TAG, ..Limits::default() });
        let is_empty = bytes.ends_with(b"/>");
        match bytes.strip_suffix(b"/>") {
            // The framer is made for open tags that stay open.
            Some(tag) => {
                framer.push(tag);
                framer.push(b">");
            }
            None => framer.push(bytes),
        }
        let header = match framer.next()? {
            Some(Frame::Header(tag)) => Header::parse(tag)?,
            _ => return Err(Condition::BadRequest),
        };
        let is_wrapper = header.root().is(ns::BOSH, "body");
        if !is_wrapper || is_empty && framer.pending() > 0 {
            return Err(Condition::BadRequest);
        }
        let head = Head::read(header.root())?;
        Ok(Body { head, framer, header, is_empty })
    }

    /// The elements inside.
    ///
    /// # Errors
    /// They are not what XMPP takes, or break `limits`.
    pub fn payloads(mut self, limits: Limits) -> Result<Vec<Element>, Condition> {
        self.framer.set_limits(limits);
        let mut parser = self.header.parser();
        if self.header.default_ns() == ns::BOSH {
            // XEP-0206 §2: stanzas that name no namespace are of `jabber:client` all the same.
            parser = parser.with_default_ns(ns::CLIENT);
        }
        let mut payloads = Vec::new();
        let mut is_closed = self.is_empty;
        loop {
            match self.framer.next()? {
                Some(Frame::Element(xml)) => payloads.push(parser.parse(xml)?),
                Some(Frame::Close) => is_closed = true,
                Some(Frame::Header(_)) => return Err(Condition::BadRequest),
                None => break,
            }
            if is_closed {
                break;
            }
        }
        // §5: one wrapper, complete, and nothing behind it.
        let is_whole = is_closed && self.framer.pending() == 0;
        if is_whole { Ok(payloads) } else { Err(Condition::BadRequest) }
    }
}

impl Head {
    fn read(root: &Element) -> Result<Self, Condition> {
        let text = |name: &str| root.attr(name).map(str::to_owned);
        let rid = number(root, "rid")?.ok_or(Condition::BadRequest)?;
        if rid == 0 || rid > LAST_RID {
            return Err(Condition::BadRequest);
        }
        Ok(Head {
            rid,
            sid: text("sid"),
            key: text("key"),
            newkey: text("newkey"),
            ack: number(root, "ack")?,
            pause: number(root, "pause")?.map(Duration::from_secs),
            // §17.3: a client may report errors; it has no need to.
            terminates: root.attr("type") == Some("terminate"),
            restarts: matches!(root.attr_ns(ns::XBOSH, "restart"), Some("true" | "1")),
            to: text("to"),
            from: text("from"),
            lang: root.lang().map(str::to_owned),
            version: root.attr_ns(ns::XBOSH, "version").map(str::to_owned),
            wish: Wish {
                ver: text("ver"),
                wait: number(root, "wait")?,
                hold: number(root, "hold")?,
                content: text("content"),
            },
        })
    }
}

/// An attribute that is a number, such as the schema has them.
fn number(root: &Element, name: &str) -> Result<Option<u64>, Condition> {
    let Some(text) = root.attr(name) else { return Ok(None) };
    // Rust would read `+1`.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.map(Some).ok_or(Condition::BadRequest)
}

impl From<XmlError> for Condition {
    /// A request that is too much breaks our rules; any other is just wrong.
    fn from(error: XmlError) -> Self {
        match error.condition() {
            "policy-violation" => Condition::PolicyViolation,
            _ => Condition::BadRequest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NS: &str = "xmlns='http://jabber.org/protocol/httpbind'";

    fn head(attributes: &str) -> Result<Head, Condition> {
        Body::open(format!("<body {NS} {attributes}/>").as_bytes()).map(|body| body.head)
    }

    fn payloads(inside: &str) -> Result<Vec<String>, Condition> {
        read(&format!("<body rid='1' {NS}>{inside}</body>"))
    }

    fn read(xml: &str) -> Result<Vec<String>, Condition> {
        let payloads = Body::open(xml.as_bytes())?.payloads(Limits::default())?;
        Ok(payloads.iter().map(Element::to_xml).collect())
    }

    #[test]
    fn s7_1_a_session_request_is_read() {
        let xbosh = "xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0'";
        let head = head(&format!(
            "content='text/xml; charset=utf-8' from='user@example.com' hold='1' rid='1573741820' \
             to='example.com' route='xmpp:example.com:9999' ver='1.6' wait='60' ack='1' \
             xml:lang='en' {xbosh}"
        ));
        let wish = Wish {
            ver: Some("1.6".to_owned()),
            wait: Some(60),
            hold: Some(1),
            content: Some("text/xml; charset=utf-8".to_owned()),
        };
        let expected = Head {
            rid: 1_573_741_820,
            ack: Some(1),
            to: Some("example.com".to_owned()),
            from: Some("user@example.com".to_owned()),
            lang: Some("en".to_owned()),
            version: Some("1.0".to_owned()),
            wish,
            ..Head::default()
        };
        assert_eq!(head, Ok(expected));
    }

    #[test]
    fn s14_1_a_request_has_a_number_that_no_float_rounds() {
        for rid in ["", "rid=''", "rid='0'", "rid='-1'", "rid='+1'", "rid='1.0'", "rid='x'"] {
            assert_eq!(head(rid), Err(Condition::BadRequest), "{rid}");
        }
        assert_eq!(head("rid='9007199254740992'"), Err(Condition::BadRequest));
        assert_eq!(head("rid='9007199254740991'").unwrap().rid, LAST_RID);
    }

    #[test]
    fn s5_the_wrapper_is_a_body_of_the_right_namespace() {
        let refused = Err(Condition::BadRequest);
        assert_eq!(read("<body rid='1'/>"), refused);
        assert_eq!(read(&format!("<corpse rid='1' {NS}/>")), refused);
        assert_eq!(read(""), refused);
        assert_eq!(read("rid=1"), refused);
        assert_eq!(
            read("<b:body xmlns:b='http://jabber.org/protocol/httpbind' rid='1'/>"),
            Ok(vec![])
        );
    }

    #[test]
    fn s5_the_wrapper_is_complete_and_alone() {
        for xml in [
            format!("<body rid='1' {NS}"),
            format!("<body rid='1' {NS}>"),
            format!("<body rid='1' {NS}><presence/></corpse>"),
            format!("<body rid='1' {NS}></body>x"),
            format!("<body rid='1' {NS}></body><presence/>"),
            format!("<body rid='1' {NS}/><body rid='2' {NS}/>"),
            format!("<body rid='1' {NS}/><presence/>"),
            format!("<body rid='1' {NS}><presence/>"),
            format!("<body rid='1' {NS}><presence/><presence/>"),
            format!("<body rid='1' {NS}><presence></presence/>"),
            format!("<body rid='1' {NS}></body/>"),
        ] {
            assert_eq!(read(&xml), Err(Condition::BadRequest), "{xml}");
        }
    }

    #[test]
    fn s5_a_declaration_and_white_space_around_it_are_no_harm() {
        let xml = format!("<?xml version='1.0'?>\n<body rid='1' {NS}>\n <presence/> </body>\r\n");
        assert_eq!(read(&xml), Ok(vec!["<presence xmlns='jabber:client'/>".to_owned()]));
    }

    #[test]
    fn s5_comments_and_their_like_and_text_are_refused() {
        for inside in ["<!--c-->", "<?pi?>", "text", "<!DOCTYPE x>", "<presence>&x;</presence>"] {
            assert_eq!(payloads(inside), Err(Condition::BadRequest), "{inside}");
        }
    }

    #[test]
    fn xep_0206_s2_stanzas_without_a_namespace_are_stanzas() {
        let inside =
            "<message><body>Hi</body></message><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
        let expected = [
            "<message xmlns='jabber:client'><body>Hi</body></message>",
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        ];
        assert_eq!(payloads(inside).unwrap(), expected);
    }

    #[test]
    fn prefixes_of_the_wrapper_hold_inside() {
        let xml = format!("<body rid='1' {NS} xmlns:p='urn:example'><p:x/></body>");
        assert_eq!(read(&xml), Ok(vec!["<x xmlns='urn:example'/>".to_owned()]));
    }

    #[test]
    fn the_limits_of_a_stanza_hold_inside() {
        let limits = Limits { max_bytes: 100, max_depth: 2, ..Limits::default() };
        let read = |inside: &str| {
            let xml = format!("<body rid='1' {NS}>{inside}</body>");
            Body::open(xml.as_bytes()).unwrap().payloads(limits).map(|inside| inside.len())
        };
        assert_eq!(read("<a><b/></a><a><b/></a>"), Ok(2));
        assert_eq!(read("<a><b><c/></b></a>"), Err(Condition::PolicyViolation));
        assert_eq!(read(&format!("<a>{}</a>", "x".repeat(100))), Err(Condition::PolicyViolation));
    }

    #[test]
    fn an_open_tag_has_its_limit() {
        let long = format!("rid='1' to='{}'", "x".repeat(LONGEST_TAG));
        assert_eq!(head(&long), Err(Condition::PolicyViolation));
    }
}
