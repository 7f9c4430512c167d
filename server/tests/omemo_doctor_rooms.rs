//! What the doctor finds about OMEMO (XEP-0384) in rooms, where each member must be able to encrypt for
//! each other.

use cloister::admin::{Answer, OmemoRoom, Request, execute};
use cloister::features::omemo::Severity;
use cloister::features::omemo::rooms::{RoomFinding, RoomProblem};
use cloister::jid::BareJid;

use crate::kit::omemo::{Bundle, NEWER, OLDER, WHOLE};
use crate::kit::pubsub::{affiliate as affiliate_to_node, configure as configure_node, is_ok};
use crate::kit::rooms::{ROOM, affiliate, configure, create_room};
use crate::kit::{Client, Cloister};

const HIDDEN: &[(&str, &str)] = &[("access_model", "presence")];

async fn ask(cloister: &Cloister, account: Option<&str>, repair: bool) -> Vec<OmemoRoom> {
    let account = account.map(|jid| BareJid::parse(jid).unwrap());
    let request = Request::DoctorOmemo { account, repair };
    match execute(cloister.server(), request, |_| ()).await.unwrap() {
        Answer::Omemo { rooms, .. } => rooms,
        other => panic!("{other:?}"),
    }
}

/// What is found about the only room.
async fn findings(cloister: &Cloister) -> Vec<RoomFinding> {
    let mut rooms = ask(cloister, None, false).await;
    assert_eq!(rooms.len(), 1);
    assert_eq!(rooms[0].jid, ROOM);
    rooms.remove(0).findings
}

/// The same: which problem which members have.
async fn problems(cloister: &Cloister) -> Vec<(RoomProblem, Vec<String>)> {
    let found = findings(cloister).await.into_iter();
    found.map(|it| (it.problem, it.accounts)).collect()
}

fn about(problem: RoomProblem, who: &[&str]) -> (RoomProblem, Vec<String>) {
    (problem, who.iter().map(|who| format!("{who}@localhost")).collect())
}

/// A room for members, of three witches: its owner, an admin and a member. All have keys.
async fn coven(options: &str) -> (Cloister, [Client; 3]) {
    let cloister = Cloister::with(options).await;
    let witches = [
        cloister.online("hag/pda", "h").await,
        cloister.online("crone/desktop", "c").await,
        cloister.online("wiccarocks/laptop", "w").await,
    ];
    let [hag, crone, wicca] = &witches;
    create_room(hag, ROOM, "firstwitch", &[]).await;
    affiliate(hag, ROOM, crone.bare(), "admin").await;
    affiliate(hag, ROOM, wicca.bare(), "member").await;
    for witch in &witches {
        OLDER.publish_all(witch, &[1], &[]).await;
    }
    (cloister, witches)
}

#[tokio::test]
async fn a_room_whose_members_have_open_keys_has_no_finding() {
    let (cloister, [_, crone, _]) = coven("").await;
    assert_eq!(findings(&cloister).await, []);
    // Keys of either version are enough, and one device that can be written to.
    OLDER.publish_list(&crone, &[], &[]).await;
    NEWER.publish_all(&crone, &[1, 2], &[]).await;
    NEWER.publish_bundle(&crone, 1, Bundle { pre_keys: 0, ..WHOLE }, &[]).await;
    assert_eq!(findings(&cloister).await, []);
}

#[tokio::test]
async fn members_without_keys_are_named_and_are_worse_where_the_domain_is_stricter() {
    for (policy, severity) in
        [("off", Severity::Note), ("warn", Severity::Warning), ("require", Severity::Error)]
    {
        let options = format!("[[host]]\ndomain = 'localhost'\nencryption = '{policy}'\n");
        let (cloister, [hag, crone, _]) = coven(&options).await;
        OLDER.publish_list(&hag, &[], &[]).await;
        OLDER.publish_bundle(&crone, 1, Bundle { pre_keys: 0, ..WHOLE }, &[]).await;
        let expected = RoomFinding {
            severity,
            problem: RoomProblem::NoKeys,
            count: 2,
            members: 3,
            accounts: vec!["crone@localhost".to_owned(), "hag@localhost".to_owned()],
        };
        assert_eq!(findings(&cloister).await, [expected], "{policy}");
    }
}

#[tokio::test]
async fn only_who_belongs_to_the_room_and_is_still_there_counts() {
    let (cloister, [hag, crone, wicca]) = coven("").await;
    cloister.account("tybalt", "sword").await;
    affiliate(&hag, ROOM, "tybalt@localhost", "outcast").await;
    assert_eq!(findings(&cloister).await, []);
    affiliate(&hag, ROOM, "tybalt@localhost", "member").await;
    assert_eq!(problems(&cloister).await, [about(RoomProblem::NoKeys, &["tybalt"])]);
    let tybalt = BareJid::parse("tybalt@localhost").unwrap();
    cloister.server().accounts.set_leaving(&tybalt).await.unwrap();
    assert_eq!(findings(&cloister).await, []);
    // Alone there is nobody to encrypt for.
    affiliate(&hag, ROOM, crone.bare(), "none").await;
    affiliate(&hag, ROOM, wicca.bare(), "none").await;
    OLDER.publish_list(&hag, &[], &[]).await;
    assert_eq!(findings(&cloister).await, []);
}

#[tokio::test]
async fn keys_that_one_of_the_others_cannot_read_are_an_error() {
    let (cloister, [mut hag, mut crone, mut wicca]) = coven("").await;
    for node in [OLDER.devices, &OLDER.bundles(1)] {
        is_ok(&configure_node(&hag, None, node, HIDDEN).await);
        let found = findings(&cloister).await;
        assert_eq!((found.len(), found[0].severity), (1, Severity::Error));
        assert_eq!(problems(&cloister).await, [about(RoomProblem::Hidden, &["hag"])]);
        is_ok(&configure_node(&hag, None, node, &[("access_model", "open")]).await);
        assert_eq!(findings(&cloister).await, []);
    }
    is_ok(&configure_node(&hag, None, OLDER.devices, HIDDEN).await);
    cloister.befriend(&mut hag, &mut crone).await;
    assert_eq!(problems(&cloister).await, [about(RoomProblem::Hidden, &["hag"])]);
    cloister.befriend(&mut hag, &mut wicca).await;
    assert_eq!(findings(&cloister).await, []);
    // One who was shut out by name cannot read what is open.
    affiliate_to_node(&crone, None, OLDER.devices, wicca.bare(), "outcast").await;
    assert_eq!(problems(&cloister).await, [about(RoomProblem::Hidden, &["crone"])]);
}

#[tokio::test]
async fn what_is_worst_comes_first() {
    let (cloister, [hag, crone, _]) = coven("").await;
    OLDER.publish_list(&crone, &[], &[]).await;
    is_ok(&configure_node(&hag, None, OLDER.devices, HIDDEN).await);
    let expected = [about(RoomProblem::Hidden, &["hag"]), about(RoomProblem::NoKeys, &["crone"])];
    assert_eq!(problems(&cloister).await, expected);
}

#[tokio::test]
async fn a_room_is_looked_at_after_the_repair() {
    let (cloister, [hag, ..]) = coven("").await;
    is_ok(&configure_node(&hag, None, OLDER.devices, HIDDEN).await);
    assert_eq!(ask(&cloister, None, true).await[0].findings, []);
}

#[tokio::test]
async fn rooms_in_which_clients_do_not_encrypt_are_left_out() {
    for field in [("membersonly", "0"), ("whois", "moderators")] {
        let (cloister, [hag, ..]) = coven("").await;
        assert_eq!(ask(&cloister, None, false).await.len(), 1);
        configure(&hag, ROOM, &[field]).await;
        assert_eq!(ask(&cloister, None, false).await, [], "{field:?}");
        assert_eq!(ask(&cloister, Some(hag.bare()), false).await, [], "{field:?}");
    }
}

#[tokio::test]
async fn an_account_is_told_of_the_rooms_that_it_belongs_to() {
    let (cloister, [hag, crone, wicca]) = coven("").await;
    let other = "heath@rooms.localhost";
    create_room(&crone, other, "secondwitch", &[]).await;
    affiliate(&crone, other, wicca.bare(), "member").await;
    affiliate(&crone, other, hag.bare(), "outcast").await;
    OLDER.publish_list(&wicca, &[], &[]).await;
    for (witch, rooms) in [(&hag, vec![ROOM]), (&crone, vec![ROOM, other])] {
        let found = ask(&cloister, Some(witch.bare()), false).await;
        let names: Vec<_> = found.iter().map(|room| room.jid.as_str()).collect();
        assert_eq!(names, rooms);
        assert!(found.iter().all(|room| room.findings.len() == 1));
    }
    assert_eq!(ask(&cloister, None, false).await.len(), 2);
}
