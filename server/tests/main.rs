//! The wire tests: a real server, real sockets, one file for each specification.
//!
//! One binary, so that the server is linked once. Names are sentences, with the section that they
//! prove. Nothing sleeps; see [`kit`].

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that fails says so by panicking"
)]

#[allow(dead_code, reason = "not every part of the kit is needed at every time")]
mod kit;

mod account_removal;
mod acme_http_01;
mod cli_contract;
mod cli_demo;
mod cli_doctor;
mod cli_process;
mod cli_provision;
mod cli_room;
mod cli_serve;
mod cli_socket;
mod cli_status;
mod cli_user;
mod console;
mod console_hostile;
mod crash;
mod credentials;
mod documents;
mod encryption_policy;
mod full_disk;
mod health;
mod hostile_xml;
mod http_listeners;
mod invite_cli;
mod invite_hostile;
mod invite_page;
mod invite_race;
mod layers;
mod metrics;
mod omemo_doctor;
mod omemo_doctor_rooms;
mod proxy_protocol;
mod pubsub_at_once;
mod pubsub_hostile;
mod pubsub_limits;
mod rfc_5802_scram;
mod rfc_6120_bind;
mod rfc_6120_sasl;
mod rfc_6120_stanzas;
mod rfc_6120_streams;
mod rfc_6120_tls;
mod rfc_6121_delivery;
mod rfc_6121_presence;
mod rfc_6121_roster;
mod rfc_6121_subscription;
mod rfc_7395_websocket;
mod room_retention;
mod rooms_account_removal;
mod rooms_bookmarks;
mod rooms_hostile;
mod rooms_hostile_load;
mod rooms_persistence;
mod rooms_review;
mod service_domains;
mod socket_activation;
mod tokio_xmpp;
mod upload_hostile;
mod xep_0012_last_activity;
mod xep_0030_disco;
mod xep_0045_bans;
mod xep_0045_between_occupants;
mod xep_0045_configure;
mod xep_0045_create;
mod xep_0045_destroy;
mod xep_0045_devices;
mod xep_0045_discovery;
mod xep_0045_entering;
mod xep_0045_granting_voice;
mod xep_0045_history;
mod xep_0045_invitations;
mod xep_0045_leaving;
mod xep_0045_member_list;
mod xep_0045_members;
mod xep_0045_messages;
mod xep_0045_moderator;
mod xep_0045_moderator_status;
mod xep_0045_nick;
mod xep_0045_owners;
mod xep_0045_private;
mod xep_0045_privileges;
mod xep_0045_refused_entry;
mod xep_0045_registration;
mod xep_0045_subject;
mod xep_0045_voice;
mod xep_0048_bookmarks;
mod xep_0049_private_storage;
mod xep_0050_commands;
mod xep_0054_vcard;
mod xep_0059_rsm;
mod xep_0060_access;
mod xep_0060_entity;
mod xep_0060_items;
mod xep_0060_owner;
mod xep_0060_owner_lists;
mod xep_0060_owner_removal;
mod xep_0060_publish_errors;
mod xep_0060_publish_options;
mod xep_0060_publisher;
mod xep_0060_retract;
mod xep_0060_subscriber;
mod xep_0060_subscription_options;
mod xep_0077_registration;
mod xep_0084_avatar;
mod xep_0092_version;
mod xep_0115_caps;
mod xep_0124_bosh;
mod xep_0133_administration;
mod xep_0153_avatar_hash;
mod xep_0156_host_meta;
mod xep_0157_contact_addresses;
mod xep_0160_offline;
mod xep_0163_last_item;
mod xep_0163_pep;
mod xep_0163_support;
mod xep_0191_blocking;
mod xep_0198_counts;
mod xep_0198_ends;
mod xep_0198_groupchat;
mod xep_0198_refresh;
mod xep_0198_resumption;
mod xep_0198_stream_management;
mod xep_0199_ping;
mod xep_0202_time;
mod xep_0206_bosh;
mod xep_0215_external_services;
mod xep_0223_private_data;
mod xep_0249_direct_invitations;
mod xep_0280_carbons;
mod xep_0292_vcard4;
mod xep_0313_mam;
mod xep_0313_rooms;
mod xep_0317_hats;
mod xep_0334_hints;
mod xep_0352_csi;
mod xep_0357_push;
mod xep_0359_stanza_id;
mod xep_0363_upload;
mod xep_0368_direct_tls;
mod xep_0379_subscription;
mod xep_0384_omemo;
mod xep_0386_bind2;
mod xep_0388_sasl2;
mod xep_0398_vcard_avatar;
mod xep_0401_invitations;
mod xep_0402_bookmarks;
mod xep_0402_membership;
mod xep_0410_self_ping;
mod xep_0421_occupant_id;
mod xep_0424_retraction;
mod xep_0425_moderation;
mod xep_0440_channel_binding;
mod xep_0441_preferences;
mod xep_0445_registration;
mod xep_0474_downgrade;
mod xep_0478_stream_limits;
mod xep_0480_upgrade;
mod xep_0484_fast;
mod xep_0486_room_avatar;
mod xep_0490_displayed;
mod xep_0492_chat_notification_settings;
mod xep_0500_slow_mode;
