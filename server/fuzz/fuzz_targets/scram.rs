//! No pair of messages authenticates as an account that does not exist, or breaks the server.

#![no_main]

use cloister::auth::scram::{ChannelBinding, ClientFirst, Iterations, Keys, Mechanism, ServerNonce};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, bool, &[u8], &[u8], Option<&[u8]>)| {
    let (pick, offered_plus, first, last, binding) = input;
    let mechanism = Mechanism::ALL[usize::from(pick) % Mechanism::ALL.len()];
    let Ok(client) = ClientFirst::parse(mechanism, offered_plus, &ChannelBinding::ALL, first)
    else {
        return;
    };
    assert!(!client.username().is_empty());
    assert_eq!(client.binding().is_some(), mechanism.plus);
    let keys = Keys::fake(
        mechanism.hash,
        &[7; 32],
        client.username(),
        Iterations::DEFAULT,
    );
    let nonce = ServerNonce::from_text("S").expect("a printable nonce");
    let (challenge, awaiting) = client.challenge(keys, &nonce, None);
    assert!(challenge.starts_with(b"r="));
    assert!(awaiting.finish(last, binding).is_err());
});
