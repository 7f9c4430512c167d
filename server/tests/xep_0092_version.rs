//! XEP-0092: Software Version.

use cloister::ns;

use crate::kit::Cloister;

const QUERY: &str = "<query xmlns='jabber:iq:version'/>";

#[tokio::test]
async fn the_server_tells_its_name_and_version() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let answer = juliet.iq_ok("get", Some("localhost"), QUERY).await;
    let query = answer.child(ns::VERSION, "query").unwrap();
    assert_eq!(query.child(ns::VERSION, "name").unwrap().text(), "Cloister");
    let version = query.child(ns::VERSION, "version").unwrap().text();
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn s5_the_operating_system_is_not_told() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let answer = juliet.iq_ok("get", Some("localhost"), QUERY).await;
    assert!(!answer.child(ns::VERSION, "query").unwrap().has_child(ns::VERSION, "os"));
}

#[tokio::test]
async fn nobody_can_set_the_version() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    assert_eq!(juliet.iq_error("set", Some("localhost"), QUERY).await, "service-unavailable");
}
