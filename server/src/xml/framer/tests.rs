//! The framer: every limit, every refusal, however the bytes come.

use super::*;

const HEADER: &str = "<stream:stream to='example.org'>";

/// What comes of `bytes`: how many frames, and the error after them.
fn outcome(framer: &mut Framer, bytes: impl AsRef<[u8]>) -> (usize, Option<XmlError>) {
    let mut frames = 0;
    framer.push(bytes.as_ref());
    loop {
        match framer.next() {
            Ok(Some(_)) => frames += 1,
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        }
    }
}

/// The error after a stream header that is fine.
fn error(bytes: impl AsRef<[u8]>) -> Option<XmlError> {
    outcome(&mut open(Limits::default()), bytes).1
}

fn prolog_error(bytes: impl AsRef<[u8]>) -> Option<XmlError> {
    outcome(&mut Framer::new(Limits::default()), bytes).1
}

fn open(limits: Limits) -> Framer {
    let mut framer = Framer::new(limits);
    assert_eq!(outcome(&mut framer, HEADER), (1, None));
    framer
}

#[test]
fn a_stream_is_cut_into_header_elements_and_end() {
    let mut framer = Framer::new(Limits::default());
    framer.push(b"<?xml version='1.0'?>\n<s:s a='>'> <a/>\n<b>x</b></s:s >");
    assert_eq!(framer.next(), Ok(Some(Frame::Header(b"<s:s a='>'>"))));
    assert_eq!(framer.next(), Ok(Some(Frame::Element(b"<a/>"))));
    assert_eq!(framer.next(), Ok(Some(Frame::Element(b"<b>x</b>"))));
    assert_eq!(framer.next(), Ok(Some(Frame::Close)));
    assert_eq!(framer.next(), Ok(None));
}

#[test]
fn nothing_is_read_after_the_end_of_the_stream() {
    let mut framer = open(Limits::default());
    assert_eq!(outcome(&mut framer, "</stream:stream><a/><!--"), (1, None));
    assert_eq!(outcome(&mut framer, "<a/>"), (0, None));
    assert_eq!(framer.buffer.capacity(), 0);
}

#[test]
fn the_end_tag_repeats_the_name_of_the_header() {
    for bad in ["</stream>", "</stream:streamx>", "</>", "</stream:stream x>", "</a:stream>"] {
        assert_eq!(error(bad), Some(XmlError::NotWellFormed), "{bad}");
    }
}

#[test]
fn without_a_stream_there_are_only_elements() {
    let mut framer = Framer::without_stream(Limits::default());
    assert_eq!(outcome(&mut framer, "<open/><message/>"), (2, None));
    assert_eq!(outcome(&mut framer, "</open>").1, Some(XmlError::NotWellFormed));
}

#[test]
fn without_a_stream_each_document_may_have_a_declaration() {
    let mut framer = Framer::without_stream(Limits::default());
    for _ in 0..2 {
        framer.begin_document();
        assert_eq!(outcome(&mut framer, "<?xml version='1.0'?><message/>"), (1, None));
    }
    assert_eq!(outcome(&mut framer, "<?xml version='1.0'?>").1, Some(XmlError::Restricted));
}

#[test]
fn a_declaration_stands_only_at_the_very_start() {
    let declaration = "<?xml version='1.0'?>";
    assert_eq!(prolog_error(declaration), None);
    assert_eq!(prolog_error(format!(" {declaration}")), Some(XmlError::Restricted));
    let twice = declaration.repeat(2);
    assert_eq!(prolog_error(twice), Some(XmlError::Restricted));
    assert_eq!(error(declaration), Some(XmlError::Restricted));
}

#[test]
fn a_byte_order_mark_is_passed_only_at_the_very_start() {
    assert_eq!(prolog_error(format!("\u{FEFF}<?xml version='1.0'?>{HEADER}")), None);
    assert_eq!(prolog_error("\u{FEFF}\u{FEFF}"), Some(XmlError::NotWellFormed));
    assert_eq!(error("\u{FEFF}<a/>"), Some(XmlError::BadFormat));
}

#[test]
fn utf_16_is_an_unsupported_encoding() {
    assert_eq!(prolog_error(b"\xFF\xFE<\0"), Some(XmlError::UnsupportedEncoding));
    assert_eq!(prolog_error(b"\xFE\xFF\0<"), Some(XmlError::UnsupportedEncoding));
    let declared = "<?xml version='1.0' encoding='UTF-16'?>";
    assert_eq!(prolog_error(declared), Some(XmlError::UnsupportedEncoding));
}

#[test]
fn a_doctype_is_restricted_before_the_header_and_after() {
    assert_eq!(prolog_error("<?xml version='1.0'?><!D"), Some(XmlError::Restricted));
    assert_eq!(prolog_error("<!DOCTYPE a [<!ENTITY"), Some(XmlError::Restricted));
    assert_eq!(error("<a><!E"), Some(XmlError::Restricted));
}

#[test]
fn a_comment_is_restricted_before_the_header_between_stanzas_and_in_them() {
    assert_eq!(prolog_error("<!-"), Some(XmlError::Restricted));
    assert_eq!(error("<!-"), Some(XmlError::Restricted));
    assert_eq!(error("<a>text<!-"), Some(XmlError::Restricted));
}

#[test]
fn a_processing_instruction_is_restricted() {
    for bad in ["<?y", "<?xm-", "<?xml-stylesheet ?>", "<?XML ?>"] {
        assert_eq!(prolog_error(bad), Some(XmlError::Restricted), "{bad}");
        assert_eq!(error(bad), Some(XmlError::Restricted), "{bad}");
    }
}

#[test]
fn an_endless_declaration_is_too_big() {
    let endless = format!("<?xml {}", " ".repeat(300));
    assert_eq!(prolog_error(endless), Some(XmlError::TooBig));
}

#[test]
fn text_between_stanzas_is_a_bad_format() {
    for bad in ["x", "<a/>x", "&amp;", "]]>", "<![CDATA[x]]>"] {
        assert_eq!(error(bad), Some(XmlError::BadFormat), "{bad}");
    }
}

#[test]
fn text_before_the_header_is_not_well_formed() {
    for bad in ["GET / HTTP/1.1", "\x16\x03\x01", "</stream:stream>", "<![CDATA["] {
        assert_eq!(prolog_error(bad), Some(XmlError::NotWellFormed), "{bad}");
    }
}

#[test]
fn a_control_character_between_stanzas_is_not_well_formed() {
    assert_eq!(error("\0"), Some(XmlError::NotWellFormed));
}

#[test]
fn an_error_is_for_ever() {
    let mut framer = open(Limits::default());
    assert_eq!(outcome(&mut framer, "<a/><!-- --><b/>"), (1, Some(XmlError::Restricted)));
    assert_eq!(outcome(&mut framer, "<a/>"), (0, Some(XmlError::Restricted)));
    framer.restart();
    assert_eq!(outcome(&mut framer, HEADER), (0, Some(XmlError::Restricted)));
    assert_eq!(framer.buffer.capacity(), 0);
}

#[test]
fn endless_input_before_login_ends_at_the_budget() {
    for endless in [" ", "x='", "x", "<a>", "<a "] {
        let mut framer = Framer::new(Limits::before_login());
        let start = match endless {
            "x='" => "<s:s ",
            "x" => "<s:s><a>",
            _ => "<s:s>",
        };
        framer.push(start.as_bytes());
        let portion = endless.repeat(100);
        let pushed = (0..).find(|_| outcome(&mut framer, &portion).1.is_some());
        assert!(pushed.is_some_and(|n| n * portion.len() <= 8192), "{endless}");
        assert_eq!(framer.failed.unwrap().condition(), "policy-violation");
    }
}

#[test]
fn the_budget_is_spent_to_its_last_byte_and_no_further() {
    let start = format!("{HEADER}<a>");
    let text = "x".repeat(8192 - start.len() - "</a>".len());
    let mut framer = Framer::new(Limits::before_login());
    assert_eq!(outcome(&mut framer, format!("{start}{text}</a>")), (2, None));
    assert_eq!(outcome(&mut framer, " "), (0, Some(XmlError::TooManyBytes)));
}

#[test]
fn the_budget_outlives_a_restart() {
    let mut framer = open(Limits::before_login());
    assert_eq!(outcome(&mut framer, format!("<a>{}</a>", " ".repeat(5000))), (1, None));
    framer.restart();
    assert_eq!(outcome(&mut framer, HEADER), (1, None));
    let more = format!("<a>{}</a>", " ".repeat(5000));
    assert_eq!(outcome(&mut framer, more), (0, Some(XmlError::TooManyBytes)));
}

#[test]
fn elements_before_login_are_counted_at_every_depth_and_across_restarts() {
    let mut framer = open(Limits::before_login());
    assert_eq!(outcome(&mut framer, "<a><b/><b/></a>".repeat(15)), (15, None));
    framer.restart();
    assert_eq!(outcome(&mut framer, HEADER), (1, None));
    assert_eq!(outcome(&mut framer, "<a/>".repeat(17)), (17, None));
    assert_eq!(outcome(&mut framer, "<a"), (0, Some(XmlError::TooManyElements)));
}

#[test]
fn after_login_nothing_is_counted_in_all() {
    let mut framer = open(Limits::before_login());
    framer.set_limits(Limits::default());
    assert_eq!(outcome(&mut framer, "<a/>".repeat(5000)), (5000, None));
    assert_eq!(outcome(&mut framer, " ".repeat(1 << 20)), (0, None));
    assert_eq!(framer.buffer.capacity(), 0);
}

#[test]
fn what_is_pending_at_login_counts_by_the_new_limits() {
    let mut framer = open(Limits::before_login());
    framer.push(format!("<a/><b>{}</b>", "x".repeat(9000)).as_bytes());
    assert_eq!(framer.next(), Ok(Some(Frame::Element(b"<a/>"))));
    framer.set_limits(Limits::default());
    assert!(matches!(framer.next(), Ok(Some(Frame::Element(_)))));
}

#[test]
fn an_element_may_be_as_long_as_the_limit_and_no_longer() {
    let longest = format!("<a>{}</a>", "x".repeat(10_000 - "<a></a>".len()));
    let mut framer = open(Limits::after_login(10_000));
    assert_eq!(outcome(&mut framer, &longest), (1, None));
    assert_eq!(outcome(&mut framer, &longest.as_bytes()[..9_999]), (0, None));
    assert_eq!(outcome(&mut framer, "xx"), (0, Some(XmlError::TooBig)));
}

#[test]
fn a_million_nested_elements_are_too_deep() {
    assert_eq!(error("<a>".repeat(1_000_000)), Some(XmlError::TooDeep));
    let deepest = format!("{}{}", "<a>".repeat(64), "</a>".repeat(64));
    assert_eq!(error(&deepest), None);
    assert_eq!(error(format!("{}<b", "<a>".repeat(64))), Some(XmlError::TooDeep));
}

#[test]
fn attributes_and_declarations_are_counted_together() {
    let attributes = |n: usize| (0..n).map(|n| format!(" a{n}=''")).collect::<String>();
    assert_eq!(error(format!("<a{}/>", attributes(128))), None);
    let more = format!("<a{} xmlns:p='", attributes(128));
    assert_eq!(error(more), Some(XmlError::TooManyAttributes));
    assert_eq!(error(format!("<a{}><b{}/></a>", attributes(128), attributes(128))), None);
}

#[test]
fn a_header_has_limits_too() {
    let attributes = " a=''".repeat(129);
    let header = format!("<s:s{attributes}>");
    assert_eq!(prolog_error(header), Some(XmlError::TooManyAttributes));
}

#[test]
fn an_element_that_comes_byte_by_byte_is_scanned_once() {
    let mut framer = open(Limits::default());
    let before = framer.scanned;
    let element = format!("<a b='{}'><![CDATA[{}]]></a>", "x".repeat(100_000), ">".repeat(100_000));
    let frames: usize = element.as_bytes().chunks(1).map(|b| outcome(&mut framer, b).0).sum();
    assert_eq!(frames, 1);
    assert_eq!(framer.scanned - before, element.len() as u64);
}

#[test]
fn no_buffer_is_held_while_nothing_is_pending() {
    let mut framer = open(Limits::default());
    assert_eq!(framer.buffer.capacity(), 0);
    outcome(&mut framer, "<a>hello</a> \n");
    assert_eq!(framer.buffer.capacity(), 0);
}

#[test]
fn the_buffer_shrinks_after_a_big_element() {
    let mut framer = open(Limits::default());
    outcome(&mut framer, format!("<a>{}</a><b>", "x".repeat(200_000)));
    assert_eq!(framer.pending(), "<b>".len());
    assert!(framer.buffer.capacity() <= 4 * SMALL_BUFFER);
}

#[test]
fn bytes_behind_starttls_can_be_seen_and_dropped() {
    let mut framer = open(Limits::before_login());
    framer.push(b"<starttls/><auth>");
    assert!(matches!(framer.next(), Ok(Some(Frame::Element(_)))));
    assert_eq!(framer.discard_pending(), "<auth>".len());
    framer.restart();
    assert_eq!(outcome(&mut framer, HEADER), (1, None));
}

#[test]
fn a_new_stream_may_have_begun_in_what_is_pending() {
    let mut framer = open(Limits::before_login());
    framer.push(format!("<auth/><?xml version='1.0'?>{HEADER}<iq/>").as_bytes());
    assert!(matches!(framer.next(), Ok(Some(Frame::Element(_)))));
    framer.restart();
    assert!(matches!(framer.next(), Ok(Some(Frame::Header(_)))));
    assert!(matches!(framer.next(), Ok(Some(Frame::Element(b"<iq/>")))));
}
