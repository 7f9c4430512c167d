//! XEP-0440: SASL Channel-Binding Type Capability, with the types of RFC 5929 and RFC 9266.

use cloister::ns;
use cloister::xml::Element;
use rustls::version::TLS12;

use crate::kit::tls::{Authority, sha256_of};
use crate::kit::{Cloister, Hash, RawClient, Scram};

fn offered(features: &Element) -> Vec<String> {
    let Some(bindings) = features.child(ns::SASL_CHANNEL_BINDING, "sasl-channel-binding") else {
        return Vec::new();
    };
    let types = bindings.children().filter(|child| child.name() == "channel-binding");
    types.map(|child| child.attr("type").unwrap().to_owned()).collect()
}

async fn bound(raw: &mut RawClient, hash: Hash, kind: &str, data: Vec<u8>) -> Result<(), String> {
    raw.scram(&Scram::bound(hash, "juliet", "balcony", kind, data)).await
}

#[tokio::test]
async fn s3_the_types_that_can_be_used_are_announced() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.opened("localhost").await;
    assert_eq!(offered(&features), ["tls-exporter", "tls-server-end-point"]);
}

#[tokio::test]
async fn s3_a_host_without_plus_mechanisms_announces_no_types() {
    let cloister =
        Cloister::with("[[host]]\ndomain = 'localhost'\npassword_hash = 'argon2id'").await;
    let (_, features) = cloister.opened("localhost").await;
    assert!(!features.has_child(ns::SASL_CHANNEL_BINDING, "sasl-channel-binding"));
}

#[tokio::test]
async fn rfc_9266_every_mechanism_binds_to_the_exporter() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    for hash in Hash::ALL {
        let (mut raw, _) = cloister.opened("localhost").await;
        let data = raw.exporter();
        assert_eq!(bound(&mut raw, hash, "tls-exporter", data).await, Ok(()), "{hash:?}");
    }
}

#[tokio::test]
async fn rfc_5929_s4_every_mechanism_binds_to_the_certificate() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    for hash in Hash::ALL {
        let (mut raw, _) = cloister.opened("localhost").await;
        let data = sha256_of(&raw.certificate());
        assert_eq!(bound(&mut raw, hash, "tls-server-end-point", data).await, Ok(()), "{hash:?}");
    }
}

#[tokio::test]
async fn rfc_5929_s4_1_the_hash_is_that_of_the_certificates_signature() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    // A certificate signed with SHA-384, as some public authorities do.
    let authority = Authority::signing_with(&rcgen::PKCS_ECDSA_P384_SHA384);
    authority.issue("localhost", cloister.directory());
    let cloister = cloister.restart().await;
    let raw = cloister.clear().await;
    let mut raw = raw.starttls(authority.client(), "localhost").await.unwrap();
    raw.open("localhost").await;
    let data = sha384_of(&raw.certificate());
    assert_eq!(bound(&mut raw, Hash::Sha256, "tls-server-end-point", data).await, Ok(()));
}

#[tokio::test]
async fn rfc_9266_s4_2_the_exporter_is_bound_on_tls_1_2_with_extended_master_secret() {
    let cloister = Cloister::with("[tls]\nmin_version = '1.2'").await;
    cloister.account("juliet", "balcony").await;
    let config = cloister.authority().client_of(&[&TLS12]);
    let mut raw = cloister.clear().await.starttls(config, "localhost").await.unwrap();
    let features = raw.open("localhost").await;
    assert_eq!(offered(&features), ["tls-exporter", "tls-server-end-point"]);
    let data = raw.exporter();
    assert_eq!(bound(&mut raw, Hash::Sha256, "tls-exporter", data).await, Ok(()));
}

#[tokio::test]
async fn rfc_5802_s6_a_proof_for_another_channel_is_refused() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let stolen = cloister.secured("localhost").await.exporter();
    let (mut raw, _) = cloister.opened("localhost").await;
    let refused = bound(&mut raw, Hash::Sha256, "tls-exporter", stolen).await;
    assert_eq!(refused, Err("not-authorized".to_owned()));
}

#[tokio::test]
async fn rfc_5802_s6_data_of_one_type_is_not_data_of_another() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let data = raw.exporter();
    let refused = bound(&mut raw, Hash::Sha256, "tls-server-end-point", data).await;
    assert_eq!(refused, Err("not-authorized".to_owned()));
}

#[tokio::test]
async fn rfc_5802_s6_a_proof_without_data_is_refused() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let refused = bound(&mut raw, Hash::Sha256, "tls-exporter", Vec::new()).await;
    assert_eq!(refused, Err("not-authorized".to_owned()));
}

#[tokio::test]
async fn rfc_9266_s3_tls_unique_is_not_supported() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let data = raw.exporter();
    let refused = bound(&mut raw, Hash::Sha256, "tls-unique", data).await;
    assert_eq!(refused, Err("not-authorized".to_owned()));
}

#[tokio::test]
async fn a_wrong_binding_is_no_guess_at_the_password() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    for _ in 0..5 {
        let (mut raw, _) = cloister.opened("localhost").await;
        bound(&mut raw, Hash::Sha256, "tls-exporter", vec![1; 32]).await.unwrap_err();
    }
    cloister.login("juliet", "balcony").await.fence().await;
}

fn sha384_of(certificate: &[u8]) -> Vec<u8> {
    use aws_lc_rs::digest;
    digest::digest(&digest::SHA384, certificate).as_ref().to_vec()
}
