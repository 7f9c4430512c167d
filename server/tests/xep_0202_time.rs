//! XEP-0202: Entity Time.

use std::time::Duration;

use cloister::ns;

use crate::kit::{Client, Cloister};

#[tokio::test]
async fn the_server_tells_its_time_in_utc() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let now = cloister.server().clock.now().to_rfc3339();
    assert_eq!(time(&juliet).await, ("+00:00".to_owned(), now));
}

#[tokio::test]
async fn the_time_goes_on() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let (_, before) = time(&juliet).await;
    cloister.advance(Duration::from_secs(1));
    assert!(time(&juliet).await.1 > before);
}

async fn time(client: &Client) -> (String, String) {
    let answer = client.iq_ok("get", Some("localhost"), "<time xmlns='urn:xmpp:time'/>").await;
    let time = answer.child(ns::TIME, "time").unwrap();
    let text = |name| time.child(ns::TIME, name).unwrap().text().into_owned();
    (text("tzo"), text("utc"))
}
