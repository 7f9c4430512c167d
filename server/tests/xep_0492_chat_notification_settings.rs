//! XEP-0492: Chat notification settings. They live in the extensions of bookmarks.

use crate::kit::{Cloister, element};
use crate::xep_0048_bookmarks::{ROOMS, native, room, set_native, set_pep, set_private};

#[tokio::test]
async fn s2_settings_in_a_bookmark_survive_what_old_clients_write() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let settings = "<extensions><notify xmlns='urn:xmpp:notification-settings:0'>\
        <never identity-category='client' identity-type='pc'>\
        <advanced><when xmlns='custom:ns-1' day-of-week='monday'>night-time-only</when></advanced>\
        </never><always/></notify></extensions>";
    set_native(&juliet, "a@muc", "name='A'", settings).await;
    set_private(&juliet, &room("a@muc", "name='B'")).await;
    set_pep(&juliet, &(room("a@muc", "name='C'") + &room("b@muc", ""))).await;
    let expected = format!("<conference xmlns='{ROOMS}' name='C'>{settings}</conference>");
    assert_eq!(native(&juliet, "a@muc").await, element(&expected));
}
