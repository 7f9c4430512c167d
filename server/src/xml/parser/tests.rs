//! The parser: every row that a lexer lets pass and XML does not.

use super::*;

const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' to='a.example' version='1.0' xml:lang='de' \
    xmlns:stream='http://etherx.jabber.org/streams' xmlns:h=\"urn:h\">";

fn parse(xml: impl AsRef<[u8]>) -> Result<Element, XmlError> {
    Header::parse(HEADER).unwrap().parser().parse(xml.as_ref())
}

fn is_not_well_formed(xml: impl AsRef<[u8]>) -> bool {
    parse(xml) == Err(XmlError::NotWellFormed)
}

#[test]
fn a_header_gives_its_name_attributes_and_bindings() {
    let header = Header::parse(HEADER).unwrap();
    assert!(header.root().is(ns::STREAMS, "stream"));
    assert_eq!(header.default_ns(), ns::CLIENT);
    assert_eq!((header.to(), header.from()), (Some("a.example"), None));
    assert_eq!((header.version(), header.lang()), (Some("1.0"), Some("de")));
    assert_eq!(header.prefix("h"), Some("urn:h"));
    assert_eq!(header.prefixes().count(), 3);
}

#[test]
fn a_header_may_use_any_prefix_or_none() {
    for fine in [
        "<s:stream xmlns:s='http://etherx.jabber.org/streams'>",
        "<stream xmlns='http://etherx.jabber.org/streams' >",
    ] {
        let header = Header::parse(fine.as_bytes()).unwrap();
        assert!(header.root().is(ns::STREAMS, "stream"), "{fine}");
    }
}

#[test]
fn a_header_with_a_prefix_that_it_does_not_declare_is_refused_for_that() {
    let error = Header::parse(b"<stream:stream xmlns='jabber:client'>").unwrap_err();
    assert_eq!(error, XmlError::BadNamespacePrefix);
}

#[test]
fn a_header_that_is_no_tag_is_not_well_formed() {
    for bad in ["", "<", ">", "<>", "<a", "a>", "<a/>", "<1>", "<a b>", "<a:b:c>", "< a>"] {
        let error = Header::parse(bad.as_bytes()).unwrap_err();
        assert_eq!(error, XmlError::NotWellFormed, "{bad}");
    }
}

#[test]
fn elements_without_a_prefix_are_in_the_default_namespace_of_the_stream() {
    let message = parse("<message><body>hi</body><x xmlns='urn:x'><y/></x></message>").unwrap();
    assert!(message.is(ns::CLIENT, "message"));
    assert_eq!(message.child(ns::CLIENT, "body").unwrap().text(), "hi");
    assert!(message.child("urn:x", "x").unwrap().has_child("urn:x", "y"));
}

#[test]
fn the_bindings_of_the_stream_hold_in_its_elements() {
    assert!(parse("<stream:error/>").unwrap().is(ns::STREAMS, "error"));
    assert!(parse("<h:a/>").unwrap().is("urn:h", "a"));
    assert!(parse("<h:a xmlns:h='urn:i'/>").unwrap().is("urn:i", "a"));
}

#[test]
fn a_declaration_ends_with_its_element() {
    assert!(parse("<a><b xmlns:p='urn:p'><p:c/></b></a>").is_ok());
    assert!(is_not_well_formed("<a><b xmlns:p='urn:p'/><p:c/></a>"));
    let a = parse("<a><b xmlns='urn:b'/><c/></a>").unwrap();
    assert!(a.has_child(ns::CLIENT, "c"));
}

#[test]
fn a_default_namespace_can_be_undeclared_and_a_prefix_cannot() {
    assert!(parse("<a xmlns=''/>").unwrap().is("", "a"));
    assert!(is_not_well_formed("<a xmlns:p=''/>"));
}

#[test]
fn the_default_namespace_is_not_for_attributes() {
    let a = parse("<a b='1' h:b='2'/>").unwrap();
    assert_eq!((a.attr("b"), a.attr_ns("urn:h", "b")), (Some("1"), Some("2")));
}

#[test]
fn an_attribute_may_be_called_xmlns_in_another_namespace() {
    let a = parse("<a h:xmlns='urn:x'/>").unwrap();
    assert_eq!(a.attr_ns("urn:h", "xmlns"), Some("urn:x"));
    assert_eq!(Parser::new().parse(a.to_xml().as_bytes()), Ok(a));
}

#[test]
fn an_unbound_prefix_is_not_well_formed() {
    for bad in ["<p:a/>", "<a p:b=''/>", "<a><p:b/></a>", "<xmlns:a/>"] {
        assert!(is_not_well_formed(bad), "{bad}");
    }
}

#[test]
fn the_prefixes_xml_and_xmlns_keep_their_meaning() {
    assert!(parse("<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:b=''/>").is_ok());
    for bad in [
        "<a xmlns:xml='urn:x'/>",
        "<a xmlns:xmlns='urn:x'/>",
        "<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
    ] {
        assert!(is_not_well_formed(bad), "{bad}");
    }
}

#[test]
fn stanzas_do_not_have_a_prefix() {
    let bad = "<c:message xmlns:c='jabber:client'/>";
    assert_eq!(parse(bad), Err(XmlError::BadNamespacePrefix));
}

#[test]
fn no_two_attributes_have_one_name() {
    for bad in [
        "<a b='1' b='2'/>",
        "<a xmlns='urn:a' xmlns='urn:b'/>",
        "<a xmlns:p='urn:a' xmlns:p='urn:a'/>",
        "<a xmlns:p='urn:a' xmlns:q='urn:a' p:x='' q:x=''/>",
    ] {
        assert!(is_not_well_formed(bad), "{bad}");
    }
    assert!(parse("<a xmlns:p='urn:a' xmlns:q='urn:b' p:x='' q:x='' x=''/>").is_ok());
}

#[test]
fn one_name_twice_is_found_among_many_attributes() {
    let attributes: String = (0..100).map(|n| format!(" a{n}=''")).collect();
    assert!(parse(format!("<a{attributes}/>")).is_ok());
    assert!(is_not_well_formed(format!("<a{attributes} a50=''/>")));
}

#[test]
fn attributes_are_written_as_xml_wants_them() {
    for bad in [
        "<a b='1'c='2'/>",
        "<a b='<'/>",
        "<a b=1/>",
        "<a b/>",
        "<a b='1/>",
        "<a 1b=''/>",
        "<a b:c:d=''/>",
        "<a :b=''/>",
        "<a xmlns:=''/>",
        "<a xmlns:1='urn:x'/>",
        "<a b='&'/>",
        "<a b='\u{1}'/>",
        "<a b='&#1;'/>",
        "<a / b=''/>",
        "<a b='' / >",
    ] {
        assert!(is_not_well_formed(bad), "{bad}");
    }
}

#[test]
fn names_are_written_as_xml_wants_them() {
    for bad in ["<1a/>", "<a\u{1}b/>", "<a:b:c/>", "<:a/>", "<h:/>", "<-/>", "<a\u{D7}/>", "<a,/>"]
    {
        assert!(is_not_well_formed(bad), "{bad}");
    }
}

#[test]
fn every_element_ends_with_its_own_end_tag() {
    for bad in [
        "<a>",
        "<a><b>",
        "<a><b></b>",
        "<a></b>",
        "<a><b></a></b>",
        "<a",
        "<a></a",
        "</a>",
        "<a></A>",
        "<a></a b='c'>",
        "<a></ a>",
        "<h:a xmlns:i='urn:h'></i:a>",
        "<a></a/>",
    ] {
        assert!(is_not_well_formed(bad), "{bad}");
    }
    assert!(parse("<a></a \n>").is_ok());
}

#[test]
fn a_frame_holds_one_element_and_nothing_else() {
    for bad in ["", " ", "x", "<a/><b/>", "<a/> ", " <a/>", "<a/>x", "\u{FEFF}<a/>", "&lt;"] {
        assert!(is_not_well_formed(bad), "{bad:?}");
    }
}

#[test]
fn what_xmpp_prohibits_is_restricted() {
    for bad in [
        "<a><!-- x --></a>",
        "<a><?x y?></a>",
        "<a><?xml version='1.0'?></a>",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<a>&nbsp;</a>",
        "<a b='&nbsp;'/>",
    ] {
        assert_eq!(parse(bad), Err(XmlError::Restricted), "{bad}");
    }
}

#[test]
fn characters_that_xml_does_not_know_are_not_well_formed() {
    for bad in [
        "<a>\0</a>",
        "<a>\u{1}</a>",
        "<a>\u{FFFE}</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a>&#xFFFF;</a>",
        "<a>&#x110000;</a>",
        "<a><![CDATA[\u{1}]]></a>",
    ] {
        assert!(is_not_well_formed(bad), "{bad:?}");
    }
}

#[test]
fn what_is_not_utf_8_is_an_unsupported_encoding() {
    for bad in [&b"<a>\xFF</a>"[..], b"<a>\xC0\xBC</a>", b"<a b='\xED\xA0\x80'/>"] {
        assert_eq!(parse(bad), Err(XmlError::UnsupportedEncoding));
    }
}

#[test]
fn the_end_of_a_cdata_section_is_no_text() {
    for bad in ["<a>]]></a>", "<a>x]]>y</a>", "<a><![CDATA[]]>]]></a>"] {
        assert!(is_not_well_formed(bad), "{bad}");
    }
    assert_eq!(parse("<a>]]&gt; ]] ></a>").unwrap().text(), "]]> ]] >");
    assert_eq!(parse("<a>]]<![CDATA[>]]></a>").unwrap().text(), "]]>");
}

#[test]
fn an_ampersand_begins_a_reference() {
    for bad in
        ["<a>&</a>", "<a>a & b</a>", "<a>&lt</a>", "<a>&;</a>", "<a>& lt;</a>", "<a>&&amp;</a>"]
    {
        assert!(is_not_well_formed(bad), "{bad}");
    }
}

#[test]
fn text_references_and_cdata_sections_make_one_text() {
    let a = parse("<a>x&lt;<![CDATA[<b>&amp;]]>&#x79;<![CDATA[]]></a>").unwrap();
    assert_eq!(a.text(), "x<<b>&amp;y");
    assert_eq!(a.nodes().len(), 1);
    assert_eq!(parse("<a><![CDATA[]]></a>").unwrap().nodes().len(), 0);
}

#[test]
fn line_ends_are_normalised_and_references_to_them_are_not() {
    let a = parse("<a>1\r\n2\r3\n\r<![CDATA[4\r\n]]>&#13;&#10;</a>").unwrap();
    assert_eq!(a.text(), "1\n2\n3\n\n4\n\r\n");
}

#[test]
fn values_are_normalised() {
    let a = parse("<a b=' 1\r\n2\t&#9;&apos;>'/>").unwrap();
    assert_eq!(a.attr("b"), Some(" 1 2 \t'>"));
}

#[test]
fn declarations_in_scope_are_bounded() {
    let element = |n: usize| {
        let open: String = (0..n).map(|n| format!("<a xmlns:p{n}='urn:p'>")).collect();
        format!("{open}{}", "</a>".repeat(n))
    };
    assert!(parse(element(128)).is_ok());
    assert_eq!(parse(element(129)), Err(XmlError::TooManyAttributes));
    let side_by_side = "<a xmlns:p='urn:p'/>".repeat(1000);
    assert!(parse(format!("<a>{side_by_side}</a>")).is_ok());
}

#[test]
fn a_long_namespace_used_often_through_a_prefix_is_too_big() {
    let long = "x".repeat(10_000);
    let element = |n| format!("<a xmlns:p='{long}'>{}</a>", "<p:b/>".repeat(n));
    assert!(parse(element(3)).is_ok());
    assert_eq!(parse(element(1000)), Err(XmlError::TooBig));
    let attributes = format!("<a xmlns:p='{long}'>{}</a>", "<b p:c=''/>".repeat(1000));
    assert_eq!(parse(attributes), Err(XmlError::TooBig));
}

#[test]
fn a_deep_tree_is_parsed_without_recursion() {
    const DEEP: usize = 200_000;
    let xml = format!("{}{}", "<a>".repeat(DEEP), "</a>".repeat(DEEP));
    let thread = std::thread::Builder::new().stack_size(128 * 1024);
    thread.spawn(move || assert!(parse(xml).is_ok())).unwrap().join().unwrap();
}
