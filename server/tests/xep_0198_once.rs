//! XEP-0198: what a session reads from the archive it is not handed a second time. A message can be
//! read as soon as it is durable; it is delivered a moment later, or much later if something for its
//! account is under way. These tests put something there that takes as long as they want.

use std::sync::Arc;

use cloister::archive::{Filter, From, Most};
use cloister::jid::BareJid;
use cloister::server::Server;
use tokio::sync::oneshot;

use crate::kit::{Client, Cloister, Managed, within};
use crate::xep_0198_resumption::{found, message, numbers, pair, pair_with, resumed, say, texts};

const ACCOUNT: &str = "juliet@localhost";

/// How often somebody else is answered until a session has surely read what there is.
const ROUNDS: usize = 200;

/// What is kept for juliet is not delivered while this is there.
struct Held {
    server: Arc<Server>,
    account: BareJid,
    open: oneshot::Sender<()>,
}

impl Held {
    fn new(server: &Arc<Server>) -> Self {
        let (open, gate) = oneshot::channel();
        let (server, account) = (Arc::clone(server), BareJid::parse(ACCOUNT).unwrap());
        server.lanes.push(&server.runtime, &account, async { gate.await.unwrap() });
        Held { server, account, open }
    }

    /// Says something to juliet. When this returns her archive has it, with so many messages before.
    async fn say(&self, from: &Client, texts: &[&str], before: usize) {
        // A fence would wait for what waits here.
        for text in texts {
            from.send(message(ACCOUNT, text)).await;
        }
        let count = before + texts.len();
        let most = Most { items: 1000, bytes: usize::MAX };
        let (archive, all) = (&self.server.archive, Filter::default());
        within("messages in the archive", async {
            let read = || archive.page(&self.account, &all, From::Start, most);
            while read().await.unwrap().items.len() < count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// It is delivered.
    async fn release(self) {
        self.open.send(()).unwrap();
        within("the delivery", async {
            while !self.server.lanes.is_idle(ACCOUNT) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// What juliet is sent who comes back before what was kept is delivered.
async fn comes_back(cloister: &Cloister, juliet: &mut Managed, held: Held) -> Vec<String> {
    let tybalt = cloister.online("tybalt", "capulet").await;
    resumed(juliet).await;
    for _ in 0..ROUNDS {
        tybalt.fence().await;
    }
    held.release().await;
    texts(&juliet.messages().await.unwrap())
}

#[tokio::test]
async fn s5_what_is_said_before_a_session_is_restored_comes_once() {
    let (cloister, mut juliet, _romeo) = pair().await;
    juliet.settle().await.unwrap();
    let cloister = cloister.restart().await;
    found(&cloister, &mut juliet);
    let romeo = cloister.online("romeo", "orchard").await;
    let held = Held::new(cloister.server());
    held.say(&romeo, &["one", "two"], 0).await;
    assert_eq!(comes_back(&cloister, &mut juliet, held).await, ["one", "two"]);
    say(&romeo, ACCOUNT, &["three"]).await;
    assert_eq!(texts(&juliet.messages().await.unwrap()), ["three"]);
}

#[tokio::test]
async fn s5_what_is_read_from_the_archive_before_it_is_delivered_comes_once() {
    let (cloister, mut juliet, romeo) = pair_with("[limits]\noutbox_stanzas = 20\n").await;
    juliet.settle().await.unwrap();
    juliet.reset_link();
    cloister.lost(&juliet).await;
    let said = numbers(42);
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    say(&romeo, ACCOUNT, &said[..40]).await;
    let held = Held::new(cloister.server());
    held.say(&romeo, &said[40..], 40).await;
    assert_eq!(comes_back(&cloister, &mut juliet, held).await, said);
    say(&romeo, ACCOUNT, &["later"]).await;
    assert_eq!(texts(&juliet.messages().await.unwrap()), ["later"]);
}
