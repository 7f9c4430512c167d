//! Two who want the same at the same moment: one gets it.

use cloister::auth::AccountError;
use cloister::auth::password::Password;
use cloister::features::invite::{self, Refusal, Wish};
use cloister::jid::{BareJid, Domain};
use cloister::net::Peer;

use crate::kit::Cloister;
use crate::kit::invite::{Newcomer, invitation, invitation_with};

const PASSWORD: &str = "balcony rose";

/// How often it is tried: what could go wrong does so once in a while.
const ROUNDS: usize = 8;

async fn accounts(cloister: &Cloister) -> usize {
    let domain = Domain::parse("localhost").unwrap();
    cloister.server().accounts.names(&domain).await.unwrap().len()
}

async fn open(cloister: &Cloister) -> usize {
    let domain = Domain::parse("localhost").unwrap();
    let all = invite::list(cloister.server(), &domain).await.unwrap();
    all.iter().filter(|invitation| invitation.terms.uses > 0).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_with_one_token_one_has_an_account() {
    let cloister = Cloister::start().await;
    for round in 0..ROUNDS {
        let token = invitation(&cloister).await.token;
        let mut one = Newcomer::with(&cloister, &token).await;
        let mut other = Newcomer::with(&cloister, &token).await;
        let names = [format!("juliet-x{round}"), format!("romeo-y{round}")];
        let (one, other) = tokio::join!(
            one.try_register(&names[0], PASSWORD),
            other.try_register(&names[1], PASSWORD)
        );
        let outcomes = [one, other];
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        assert!(outcomes.contains(&Err("item-not-found".to_owned())), "{outcomes:?}");
        assert_eq!((accounts(&cloister).await, open(&cloister).await), (round + 1, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_with_one_name_one_has_it_and_the_other_still_has_a_token() {
    let cloister = Cloister::start().await;
    for round in 0..ROUNDS {
        let tokens = [invitation(&cloister).await.token, invitation(&cloister).await.token];
        let mut one = Newcomer::with(&cloister, &tokens[0]).await;
        let mut other = Newcomer::with(&cloister, &tokens[1]).await;
        let name = format!("juliet-x{round}");
        let (first, second) =
            tokio::join!(one.try_register(&name, PASSWORD), other.try_register(&name, PASSWORD));
        let loser = match (&first, &second) {
            (Ok(()), Err(error)) if error == "conflict" => &mut other,
            (Err(error), Ok(())) if error == "conflict" => &mut one,
            both => panic!("{both:?}"),
        };
        let again = format!("romeo-y{round}");
        assert_eq!(loser.try_register(&again, PASSWORD).await, Ok(()));
        assert_eq!((accounts(&cloister).await, open(&cloister).await), (2 * (round + 1), 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_names_that_look_alike_one_is_taken() {
    let cloister = Cloister::start().await;
    for round in 0..ROUNDS {
        let tokens = [invitation(&cloister).await.token, invitation(&cloister).await.token];
        let mut one = Newcomer::with(&cloister, &tokens[0]).await;
        let mut other = Newcomer::with(&cloister, &tokens[1]).await;
        let names = [format!("romeo-x{}", round + 2), format!("r0meo-x{}", round + 2)];
        let (one, other) = tokio::join!(
            one.try_register(&names[0], PASSWORD),
            other.try_register(&names[1], PASSWORD)
        );
        let outcomes = [one, other];
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        assert!(outcomes.contains(&Err("conflict".to_owned())), "{outcomes:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_who_makes_the_account_meanwhile_leaves_the_token() {
    let cloister = Cloister::start().await;
    for round in 0..ROUNDS {
        let invitation = invitation_with(&cloister, |wish| Wish { lasts: None, ..wish }).await;
        let (server, domain) = (cloister.server(), invitation.domain.clone());
        let name = format!("juliet-x{round}");
        let account = BareJid::parse(&format!("{name}@localhost")).unwrap();
        let peer = Peer::new("192.0.2.1".parse().unwrap());
        let password = Password::new("the operator's").unwrap();
        let hashing = server.hashing(&domain);
        let (invited, made) = tokio::join!(
            invite::register_account(server, &domain, &invitation.token, &name, PASSWORD, peer),
            server.accounts.create(&account, password, hashing, false)
        );
        match (&invited, &made) {
            (Ok(_), Err(AccountError::Exists)) => assert_eq!(open(&cloister).await, 0),
            (Err(Refusal::NameTaken), Ok(())) => {
                assert_eq!(open(&cloister).await, 1);
                let domains = [domain];
                invite::revoke(server, &domains, &invitation.token).await.unwrap();
            }
            both => panic!("{both:?}"),
        }
        assert_eq!(accounts(&cloister).await, round + 1);
    }
}
