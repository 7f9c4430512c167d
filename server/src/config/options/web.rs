//! What is declared of HTTP: files, invitations, and who may connect from where.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::declare::{choice, section};
use crate::config::origin::Origin;
use crate::config::quantity::Size;
use crate::config::retention::Retention;
use crate::config::value::At;
use crate::jid::Domain;

section! {
    /// HTTP: what browsers and phones ask.
    pub struct Http {
        /// Web pages that may connect clients in a browser (RFC 7395, XEP-0206), beside those of
        /// the domains themselves: origins such as `https://chat.example.org`, or `*` for all.
        /// Clients that are no browsers name none and are not concerned.
        origins: Vec<Origin>, default [];

        /// The addresses at which clients outside reach this server and `host.web`. They are told
        /// clients that ask (XEP-0487), who then look for nothing in the DNS; without them
        /// clients look there as ever.
        addresses: Vec<IpAddr>, default [];
    }
}

section! {
    /// Files that all domains keep (XEP-0363).
    pub struct Upload {
        /// How much the files of all domains may take in all.
        total_bytes: Size, default "50 GiB", least "1 MiB";

        /// How many files one account may upload in an hour. Who has uploaded as many may upload
        /// another one whenever a part of the hour has passed.
        slots_per_hour: u32, default 500, least 10, most 1_000_000;
    }
}

section! {
    /// `[host.upload]` as it is written.
    pub struct UploadTable {
        /// Whether people may upload files. With `false` those that there are can still be fetched.
        enabled: bool, default true;

        /// The address at which clients ask for room for a file. Left out, it is `upload.` and the
        /// domain. It needs neither a certificate nor an entry in the DNS: the files
        /// themselves are at `host.web`.
        domain: At<Domain>, optional "upload.example.org";

        /// The largest file. What is above 512 MiB by default is room for what encryption (OMEMO) adds.
        file_bytes: Size, default "536870928 B", least "64 KiB", most "1 TiB";

        /// How much the files of one account may take in all.
        account_bytes: Size, default "5 GiB", least "64 KiB", most "1024 TiB";

        /// How long files are kept, where that differs from the messages of their owner. Left out, it
        /// is a day at least. Pictures of people (`profile`) and what clients want to last
        /// (`permanent`) are kept as long as the account.
        retention: Retention, optional "90d";
    }
}

section! {
    /// `[host.invites]` as it is written.
    pub struct InvitesTable {
        /// Who may invite people from a client (XEP-0401): `everybody` with an account, `admins`
        /// (accounts made with `cloister user add --admin`), or `nobody`.
        /// `cloister invite create` can in any case.
        create: InviteCreators, default "admins";

        /// How long an invitation is good for unless another time is said.
        expires: Duration, default "7d",
            least "1h" "which people need to find it", most "3650d";

        /// Names that nobody may choose with an invitation, beside those that look official, such
        /// as `admin` and `support`.
        reserved_names: Vec<String>, default [];
    }
}

choice! {
    /// Who may invite people from a client.
    pub enum InviteCreators {
        /// Everybody with an account.
        Everybody "everybody",
        /// Accounts that are administrators.
        Admins "admins",
        /// Only the operator.
        Nobody "nobody",
    }
}
