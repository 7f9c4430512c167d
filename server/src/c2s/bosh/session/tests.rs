//! Sessions, paragraph by paragraph.

use super::*;
use crate::c2s::bosh::body::Body;
use crate::xml::Limits;

const NS: &str = "xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'";

/// The `rid` of the request that asks for a session.
const FIRST: u64 = 100;

/// A session, the time, and what has come of it. A ticket is the number of the request as it was sent.
struct Bosh {
    session: Session<usize>,
    now: Instant,
    sent: usize,
    /// What the stream got.
    stream: Vec<String>,
    answers: Vec<(usize, Answer)>,
}

impl Bosh {
    /// A session that is open, and whose first request is answered.
    fn open(wish: &str) -> Self {
        let mut bosh = Self::asked(wish);
        bosh.session.opened(Some("localhost"), Some("id"));
        bosh.push("<features/>");
        bosh.answers.clear();
        bosh
    }

    /// The same, whose first request has no answer yet.
    fn asked(wish: &str) -> Self {
        let head = head(&format!("rid='{FIRST}' to='localhost' ver='1.11' {wish}"));
        Self::of(&head)
    }

    fn of(head: &Head) -> Self {
        let terms =
            Terms::settle(&head.wish, head.ack.is_some(), Duration::from_secs(600)).unwrap();
        let now = Instant::now();
        let session = Session::begin("secret", terms, head, 0, now);
        let mut bosh = Bosh { session, now, sent: 0, stream: Vec::new(), answers: Vec::new() };
        bosh.session.settle(now);
        bosh.note();
        bosh
    }

    /// Sends a request, later than the one before by more than a client has to wait.
    fn send(&mut self, rid: u64, attributes: &str, inside: &str) -> usize {
        self.after(5);
        self.send_at_once(rid, attributes, inside)
    }

    fn send_at_once(&mut self, rid: u64, attributes: &str, inside: &str) -> usize {
        self.sent += 1;
        let xml = format!("<body rid='{rid}' sid='secret' {NS} {attributes}>{inside}</body>");
        let body = Body::open(xml.as_bytes()).unwrap();
        let head = body.head.clone();
        let request = Request { head, payloads: body.payloads(Limits::default()) };
        self.session.request(request, self.sent, self.now);
        self.note();
        self.sent
    }

    fn push(&mut self, payload: &'static str) {
        self.session.push(Bytes::from_static(payload.as_bytes()));
        self.session.settle(self.now);
        self.note();
    }

    fn end(&mut self, condition: Option<Condition>) {
        self.session.end(condition);
        self.session.settle(self.now);
        self.note();
    }

    fn after(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.session.tick(self.now);
        self.note();
    }

    fn note(&mut self) {
        for act in self.session.acts() {
            match act {
                Act::Answer(ticket, answer) => self.answers.push((ticket, answer)),
                Act::Forward(payloads) => {
                    self.stream.extend(payloads.iter().map(|payload| payload.name().to_owned()));
                }
                Act::Restart(_) => self.stream.push("RESTART".to_owned()),
                Act::Close => self.stream.push("CLOSE".to_owned()),
            }
        }
    }

    /// Who was answered since the last look, in order, and what stands behind the namespaces.
    fn answers(&mut self) -> Vec<(usize, String)> {
        let answers = mem::take(&mut self.answers).into_iter();
        answers.map(|(ticket, answer)| (ticket, short(&answer))).collect()
    }
}

fn head(attributes: &str) -> Head {
    Body::open(format!("<body {NS} {attributes}/>").as_bytes()).unwrap().head
}

fn short(answer: &Answer) -> String {
    let text = String::from_utf8(answer.xml.to_vec()).unwrap();
    text.replace(" xmlns='http://jabber.org/protocol/httpbind'", "")
}

fn empty(ticket: usize) -> (usize, String) {
    (ticket, "<body/>".to_owned())
}

fn with(ticket: usize, inside: &str) -> (usize, String) {
    (ticket, format!("<body>{inside}</body>"))
}

fn ended(ticket: usize, condition: &str) -> (usize, String) {
    (ticket, format!("<body type='terminate' condition='{condition}'/>"))
}

#[test]
fn s7_2_the_first_answer_says_what_holds() {
    let mut bosh = Bosh::asked("wait='60' hold='1' ack='1'");
    bosh.session.opened(Some("localhost"), Some("id"));
    bosh.push("<features/>");
    let expected = "<body xmlns:xmpp='urn:xmpp:xbosh' sid='secret' wait='50' requests='2' hold='1' \
                    polling='2' inactivity='75' maxpause='120' ver='1.11' ack='100' \
                    xmpp:version='1.0' xmpp:restartlogic='true' from='localhost' authid='id'>\
                    <features/></body>";
    assert_eq!(bosh.answers(), [(0, expected.to_owned())]);
}

#[test]
fn s8_a_request_waits_until_there_is_something() {
    let mut bosh = Bosh::open("");
    let one = bosh.send(101, "", "");
    assert_eq!(bosh.answers(), []);
    bosh.push("<a/>");
    assert_eq!(bosh.answers(), [with(one, "<a/>")]);
}

#[test]
fn s8_a_request_waits_no_longer_than_the_client_wants() {
    let mut bosh = Bosh::open("wait='20'");
    let one = bosh.send(101, "", "");
    bosh.after(19);
    assert_eq!(bosh.answers(), []);
    bosh.after(1);
    assert_eq!(bosh.answers(), [empty(one)]);
}

#[test]
fn s8_no_more_requests_are_kept_than_the_client_wants() {
    let mut bosh = Bosh::open("hold='1'");
    let one = bosh.send(101, "", "");
    bosh.send(102, "", "<message/>");
    assert_eq!(bosh.answers(), [empty(one)]);
    assert_eq!(bosh.stream, ["message"]);
}

#[test]
fn s8_what_comes_while_no_request_waits_is_told_with_the_next() {
    let mut bosh = Bosh::open("");
    bosh.push("<a/>");
    bosh.push("<b/>");
    let one = bosh.send(101, "", "");
    assert_eq!(bosh.answers(), [with(one, "<a/><b/>")]);
}

#[test]
fn s14_2_requests_are_handled_in_their_order_whatever_their_order_on_the_wire() {
    let mut bosh = Bosh::open("hold='2'");
    bosh.send(102, "", "<presence/>");
    assert_eq!(bosh.stream, [""; 0]);
    bosh.send(101, "", "<message/>");
    assert_eq!(bosh.stream, ["message", "presence"]);
}

#[test]
fn s8_requests_are_answered_in_their_order() {
    let mut bosh = Bosh::open("hold='2'");
    let two = bosh.send(102, "", "");
    bosh.push("<a/>");
    assert_eq!(bosh.answers(), [], "the one before it comes first");
    let one = bosh.send(101, "", "");
    assert_eq!(bosh.answers(), [with(one, "<a/>")]);
    bosh.push("<b/>");
    assert_eq!(bosh.answers(), [with(two, "<b/>")]);
}

#[test]
fn s14_2_a_number_beyond_the_window_ends_the_session() {
    let mut bosh = Bosh::open("hold='1'");
    let one = bosh.send(103, "", "");
    assert_eq!(bosh.answers(), [ended(one, "item-not-found")]);
    assert!(bosh.session.is_over());
}

#[test]
fn s11_one_more_request_may_pause_or_terminate() {
    for last in ["type='terminate'", "pause='10'"] {
        let mut bosh = Bosh::open("hold='1'");
        bosh.send(102, "", "<message/>");
        bosh.send(103, last, "");
        assert_eq!(bosh.answers(), [], "{last}");
        bosh.send(101, "", "<message/>");
        let answers = bosh.answers();
        assert_eq!(answers.len(), 3, "{last}");
        assert!(answers.iter().all(|(_, answer)| !answer.contains("condition")), "{answers:?}");
    }
}

#[test]
fn s11_too_many_requests_without_an_answer_end_the_session() {
    let mut bosh = Bosh::open("hold='1'");
    let held = bosh.send(101, "", "<message/>");
    let early = bosh.send(103, "", "<message/>");
    let last = bosh.send(102, "", "<message/>");
    let other = |ticket| ended(ticket, "other-request");
    assert_eq!(bosh.answers(), [other(held), other(early), ended(last, "policy-violation")]);
}

#[test]
fn s11_the_last_place_is_for_a_client_that_has_something_to_say() {
    let mut bosh = Bosh::open("hold='1'");
    bosh.send(101, "", "");
    let two = bosh.send_at_once(102, "", "");
    assert_eq!(bosh.answers().last(), Some(&ended(two, "policy-violation")));

    let mut bosh = Bosh::open("hold='1'");
    bosh.send(101, "", "");
    bosh.send_at_once(102, "", "<message/>");
    bosh.send_at_once(103, "xmpp:restart='true'", "");
    assert!(!bosh.session.is_over());
}

#[test]
fn s12_who_polls_is_answered_at_once() {
    let mut bosh = Bosh::asked("wait='0'");
    assert_eq!(bosh.answers().len(), 1, "even the first time");
    let one = bosh.send(101, "", "");
    assert_eq!(bosh.answers(), [empty(one)]);
}

#[test]
fn s12_polling_too_often_ends_the_session() {
    let mut bosh = Bosh::asked("hold='0'");
    bosh.send_at_once(101, "", "");
    bosh.answers();
    let two = bosh.send_at_once(102, "", "");
    assert_eq!(bosh.answers(), [ended(two, "policy-violation")]);
}

#[test]
fn s12_a_poll_that_got_something_may_be_followed_by_another() {
    let mut bosh = Bosh::asked("hold='0'");
    bosh.push("<a/>");
    bosh.send_at_once(101, "", "");
    bosh.send_at_once(102, "", "");
    assert!(!bosh.session.is_over());
    bosh.send(103, "", "");
    assert!(!bosh.session.is_over(), "after a while");
}

#[test]
fn s10_a_client_that_asks_for_nothing_is_gone() {
    let mut bosh = Bosh::open("");
    bosh.after(74);
    assert!(!bosh.session.is_over());
    bosh.after(1);
    assert!(bosh.session.is_over());
}

#[test]
fn s10_a_client_whose_request_waits_is_not_gone() {
    let mut bosh = Bosh::open("wait='50'");
    bosh.send(101, "", "");
    bosh.after(50);
    bosh.after(74);
    assert!(!bosh.session.is_over(), "it counts from the answer on");
    bosh.after(1);
    assert!(bosh.session.is_over());
}

#[test]
fn s10_a_request_that_waits_for_a_lost_one_is_told_in_the_end() {
    let mut bosh = Bosh::open("");
    let two = bosh.send(102, "", "<message/>");
    bosh.after(75);
    assert_eq!(bosh.answers(), [ended(two, "item-not-found")]);
    assert_eq!(bosh.stream, [""; 0]);
}

#[test]
fn s10_a_pause_answers_all_and_lasts() {
    let mut bosh = Bosh::open("hold='2'");
    let one = bosh.send(101, "", "");
    let two = bosh.send(102, "pause='120'", "");
    assert_eq!(bosh.answers(), [empty(one), empty(two)]);
    bosh.after(119);
    assert!(!bosh.session.is_over());
    bosh.after(1);
    assert!(bosh.session.is_over());
}

#[test]
fn s10_the_answer_to_a_pause_has_nothing_inside() {
    let mut bosh = Bosh::open("");
    bosh.push("<a/>");
    let one = bosh.send(101, "pause='60'", "");
    assert_eq!(bosh.answers(), [empty(one)]);
    let two = bosh.send(102, "", "");
    assert_eq!(bosh.answers(), [with(two, "<a/>")]);
}

#[test]
fn s10_a_pause_ends_with_the_next_request_and_may_be_short() {
    let mut bosh = Bosh::open("wait='10'");
    bosh.send(101, "pause='120'", "");
    bosh.send(102, "", "");
    bosh.after(10);
    bosh.after(75);
    assert!(bosh.session.is_over());

    let mut bosh = Bosh::open("");
    bosh.send(101, "pause='3'", "");
    bosh.after(3);
    assert!(bosh.session.is_over());
}

#[test]
fn s10_a_pause_has_its_limit() {
    let mut bosh = Bosh::open("");
    let one = bosh.send(101, "pause='121'", "");
    assert_eq!(bosh.answers(), [ended(one, "policy-violation")]);
}

#[test]
fn s14_3_a_request_that_was_answered_is_answered_the_same_again() {
    let mut bosh = Bosh::open("");
    bosh.send(101, "", "<message/>");
    bosh.push("<a/>");
    bosh.answers();
    let again = bosh.send(101, "", "<message/>");
    assert_eq!(bosh.answers(), [with(again, "<a/>")]);
    assert_eq!(bosh.stream, ["message"], "it is done once");
}

#[test]
fn s14_3_a_request_that_waits_is_answered_where_it_came_last() {
    let mut bosh = Bosh::open("");
    let one = bosh.send(101, "", "");
    let again = bosh.send(101, "", "");
    assert_eq!(bosh.answers(), [(one, "<body type='error'/>".to_owned())]);
    bosh.push("<a/>");
    assert_eq!(bosh.answers(), [with(again, "<a/>")]);
}

#[test]
fn s14_3_a_request_out_of_order_may_be_repeated_too() {
    let mut bosh = Bosh::open("hold='2'");
    let two = bosh.send(102, "", "<message/>");
    bosh.send(102, "", "<message/>");
    assert_eq!(bosh.answers(), [(two, "<body type='error'/>".to_owned())]);
    bosh.send(101, "", "");
    assert_eq!(bosh.stream, ["message"]);
}

#[test]
fn s14_3_an_answer_that_is_forgotten_ends_the_session() {
    let mut bosh = Bosh::open("hold='1'");
    for rid in 101..=103 {
        bosh.push("<a/>");
        bosh.send(rid, "", "");
    }
    bosh.answers();
    let known = bosh.send(102, "", "");
    assert_eq!(bosh.answers(), [with(known, "<a/>")]);
    let old = bosh.send(101, "", "");
    assert_eq!(bosh.answers(), [ended(old, "item-not-found")]);
}

#[test]
fn s14_3_nobody_repeats_for_ever() {
    let mut bosh = Bosh::open("");
    bosh.push("<a/>");
    bosh.send(101, "", "");
    let count = (0..1000).take_while(|_| {
        bosh.send(101, "", "");
        !bosh.session.is_over()
    });
    assert_eq!(count.count(), 60);
    assert_eq!(bosh.answers().last().unwrap().1, ended(0, "policy-violation").1);
}

#[test]
fn s9_1_the_client_is_told_what_has_come() {
    let mut bosh = Bosh::open("ack='1' hold='1'");
    let one = bosh.send(101, "", "");
    let two = bosh.send(102, "ack='100'", "<message/>");
    assert_eq!(bosh.answers(), [(one, "<body ack='102'/>".to_owned())]);
    bosh.push("<a/>");
    assert_eq!(bosh.answers(), [with(two, "<a/>")], "§9.1: not for the request itself");
}

#[test]
fn s9_2_what_the_client_has_is_forgotten() {
    let mut bosh = Bosh::open("ack='1'");
    bosh.push("<a/>");
    bosh.send(101, "", "");
    bosh.send(102, "", "");
    assert!(bosh.session.answered.is_empty());
}

#[test]
fn s13_the_client_ends_the_session() {
    let mut bosh = Bosh::open("hold='1'");
    let one = bosh.send(101, "", "");
    let two = bosh.send(102, "type='terminate'", "<presence type='unavailable'/>");
    let over = (one, "<body type='terminate'/>".to_owned());
    assert_eq!(bosh.answers(), [over, empty(two)], "§13: it is told on the oldest");
    assert_eq!(bosh.stream, ["presence", "CLOSE"]);
    assert!(bosh.session.is_over());
}

#[test]
fn s17_2_the_end_of_the_stream_is_told_to_a_request_that_waits() {
    let mut bosh = Bosh::open("hold='2'");
    let one = bosh.send(101, "", "");
    let two = bosh.send(102, "", "<message/>");
    bosh.session.push(Bytes::from_static(b"<stream:error/>"));
    bosh.end(Some(Condition::RemoteStreamError));
    let expected = "<body xmlns:stream='http://etherx.jabber.org/streams' type='terminate' \
                    condition='remote-stream-error'><stream:error/></body>";
    assert_eq!(bosh.answers(), [(one, expected.to_owned()), empty(two)]);
}

#[test]
fn s17_2_the_end_of_the_stream_is_told_to_the_next_request() {
    let mut bosh = Bosh::open("");
    bosh.push("<a/>");
    bosh.end(Some(Condition::RemoteConnectionFailed));
    assert!(!bosh.session.is_over());
    let one = bosh.send(101, "", "<message/>");
    let expected = "<body type='terminate' condition='remote-connection-failed'><a/></body>";
    assert_eq!(bosh.answers(), [(one, expected.to_owned())]);
    assert_eq!(bosh.stream, [""; 0]);
    assert!(bosh.session.is_over());
}

#[test]
fn s17_2_a_session_whose_end_nobody_asks_for_goes_away() {
    let mut bosh = Bosh::open("");
    bosh.end(None);
    bosh.after(75);
    assert!(bosh.session.is_over());
}

#[test]
fn s17_1_a_client_without_ver_is_told_by_the_status() {
    let mut bosh = Bosh::of(&head("rid='100'"));
    bosh.send(200, "", "");
    assert_eq!(bosh.answers.last().unwrap().1.status, 404);
}

#[test]
fn xep_0206_s5_a_restart_leaves_aside_what_is_inside() {
    let mut bosh = Bosh::open("");
    bosh.send(101, "xmpp:restart='true' to='localhost'", "<message/>");
    assert_eq!(bosh.stream, ["RESTART"]);
}

#[test]
fn a_request_that_cannot_be_read_ends_the_session_in_its_turn() {
    let mut bosh = Bosh::open("hold='2'");
    let two = bosh.send(102, "", "text");
    assert_eq!(bosh.answers(), []);
    let one = bosh.send(101, "", "");
    assert_eq!(bosh.answers(), [ended(one, "other-request"), ended(two, "bad-request")]);
}

#[test]
fn s15_4_a_wrong_key_ends_the_session_and_nothing_is_done() {
    let mut bosh = Bosh::open("newkey='a9993e364706816aba3e25717850c26c9cd0d89d'");
    let one = bosh.send(101, "key='abd'", "<message/>");
    assert_eq!(bosh.answers(), [ended(one, "item-not-found")]);
    assert_eq!(bosh.stream, [""; 0]);
}

#[test]
fn s15_4_who_has_no_key_is_not_told_again_either() {
    let mut bosh = Bosh::open("newkey='a9993e364706816aba3e25717850c26c9cd0d89d'");
    bosh.push("<a/>");
    bosh.send(101, "key='abc'", "<message/>");
    assert_eq!(bosh.answers().len(), 1);
    assert_eq!(bosh.stream, ["message"]);
    let again = bosh.send(101, "key='abc'", "");
    assert_eq!(bosh.answers(), [with(again, "<a/>")]);
    let thief = bosh.send(101, "", "");
    assert_eq!(bosh.answers(), [ended(thief, "item-not-found")]);
}

#[test]
fn what_waits_for_the_client_has_a_limit_and_goes_out_in_parts() {
    static BIG: [u8; 40 * 1024] = [b'x'; 40 * 1024];
    let mut bosh = Bosh::open("");
    for _ in 0..3 {
        bosh.session.push(Bytes::from_static(&BIG));
    }
    assert!(!bosh.session.is_full());
    bosh.session.push(Bytes::from_static(&BIG));
    assert!(bosh.session.is_full());
    bosh.send(101, "", "");
    assert!(bosh.answers().pop().unwrap().1.len() < ANSWER_BYTES);
    assert!(!bosh.session.is_full());
}
