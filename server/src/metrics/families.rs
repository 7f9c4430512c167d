//! Everything that monitoring is told, each declared once: name, meaning, unit, and where its numbers are.

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::count::{By, ByTwo, Distribution, Histogram, Words};
use super::labels::Label;
use super::{Holdings, Metrics, Process, StoreMeter};
use crate::clock::Timestamp;

/// How things are at a moment, as somebody looked at them.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    /// The present moment.
    pub now: Timestamp,
    /// When the server was put together.
    pub started: Timestamp,
    /// Clients that are connected.
    pub online: u64,
    /// Streams without a connection, whose clients may come back.
    pub sleeping: u64,
    /// Whether the server can do what it is for.
    pub ready: bool,
    /// What this process takes.
    pub process: Process,
    /// Free space for data, in bytes, if that can be told.
    pub disk_free: Option<u64>,
    /// Free space that is left untouched, in bytes.
    pub disk_reserve: u64,
    /// What is kept.
    pub holdings: Holdings,
    /// The certificates in use.
    pub certificates: Vec<CertificateReading>,
}

/// What the archive holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct ArchiveReading {
    /// What it takes on the disk.
    pub bytes: u64,
    /// When its first message came; nothing if there is none, or it is not known.
    pub oldest: Option<Timestamp>,
}

/// A domain.
#[derive(Clone, Debug)]
pub struct HostReading {
    /// Its name.
    pub domain: String,
    /// Its accounts.
    pub accounts: u64,
}

/// A certificate in use.
#[derive(Clone, Debug, Default)]
pub struct CertificateReading {
    /// The domain that it is for.
    pub domain: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up only; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often something was how large.
    Histogram,
    /// Always 1; what it says is in its labels. Its name ends in `_info`.
    Info,
}

impl Kind {
    pub(super) const fn metric_type(self) -> MetricType {
        match self {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
            Kind::Info => MetricType::Info,
        }
    }
}

/// A number.
#[derive(Clone, Debug)]
pub enum Value {
    /// A whole one.
    Whole(u64),
    /// Any.
    Real(f64),
    /// Many; divided by that, what was counted is in its unit.
    Many(Distribution, f64),
    /// None: what is said is in the labels.
    None,
}

/// A number with its labels.
#[derive(Clone, Debug)]
pub struct Point {
    /// Names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: Value,
}

/// Numbers of one meaning.
#[derive(Clone, Debug)]
pub struct Family {
    /// Its name, without unit and ending.
    pub name: &'static str,
    /// What it means, as a sentence.
    pub help: &'static str,
    /// Its unit, which is part of the name.
    pub unit: Option<Unit>,
    /// What it is.
    pub kind: Kind,
    /// Its numbers.
    pub points: Vec<Point>,
}

impl Metrics {
    /// All that is counted, together with how things are.
    pub fn families(&self, levels: &Levels) -> Vec<Family> {
        [
            process(levels),
            self.clients(levels),
            self.streams(),
            self.messages(levels),
            self.storage(levels),
            self.web(levels),
            self.trouble(levels),
        ]
        .concat()
    }

    fn clients(&self, levels: &Levels) -> Vec<Family> {
        let accounts =
            levels.holdings.hosts.iter().map(|host| named("domain", &host.domain, host.accounts));
        vec![
            by(
                "cloister_connections_accepted",
                "Connections that were let in.",
                &self.connections.accepted,
            ),
            by(
                "cloister_connections_refused",
                "Connections that were closed at once.",
                &self.connections.refused,
            ),
            gauge(
                "cloister_connections_open",
                "Connections there are.",
                self.connections.open.value(),
            ),
            by(
                "cloister_tls_handshakes_failed",
                "TLS handshakes that came to nothing.",
                &self.handshakes_failed,
            ),
            counter("cloister_logins", "Logins that succeeded.", self.logins.value()),
            words(
                "cloister_login_failures",
                "Logins that did not, by what the client was told.",
                &self.login_failures,
            ),
            gauge("cloister_sessions_online", "Clients that are connected.", levels.online),
            gauge(
                "cloister_sessions_sleeping",
                "Streams without a connection that can be resumed.",
                levels.sleeping,
            ),
            by(
                "cloister_stream_resumptions",
                "Streams that clients wanted to resume.",
                &self.resumptions,
            ),
            many(
                "cloister_accounts",
                "Accounts there are; counted every few minutes.",
                accounts.collect(),
            ),
        ]
    }

    fn streams(&self) -> Vec<Family> {
        let bytes = |name, help, by| Family { unit: Some(Unit::Bytes), ..self::by(name, help, by) };
        vec![
            by("cloister_stanzas_received", "Stanzas of clients.", &self.received),
            by("cloister_stanzas_sent", "Stanzas to clients.", &self.sent),
            bytes(
                "cloister_stream_received",
                "Bytes of XML streams from clients, without TLS.",
                &self.bytes_received,
            ),
            bytes(
                "cloister_stream_sent",
                "Bytes of XML streams to clients, without TLS.",
                &self.bytes_sent,
            ),
            words(
                "cloister_iq_errors",
                "Requests that were answered with an error.",
                &self.iq_errors,
            ),
        ]
    }

    fn messages(&self, levels: &Levels) -> Vec<Family> {
        let archive = &self.archive;
        let oldest = levels.holdings.archive.oldest.map(Timestamp::seconds).unwrap_or_default();
        vec![
            counter("cloister_messages_archived", "Messages that were kept.", archive.kept.value()),
            counter(
                "cloister_messages_queued",
                "Messages that wait for somebody who is away.",
                archive.queued.value(),
            ),
            counter("cloister_room_messages", "Messages in rooms.", self.room_messages.value()),
            counter(
                "cloister_room_deliveries",
                "Copies of them that were handed to clients.",
                self.room_deliveries.value(),
            ),
            bytes_level(
                "cloister_archive",
                "What the archive takes on the disk.",
                levels.holdings.archive.bytes,
            ),
            seconds_level(
                "cloister_archive_oldest_timestamp",
                "When the oldest message of the archive came; 0 if it is empty.",
                oldest,
            ),
            by("cloister_expiry_runs", "How often it was looked what is over.", &archive.expiries),
            Family {
                unit: Some(Unit::Bytes),
                ..counter(
                    "cloister_expired",
                    "Bytes that expiry gave back to the disk.",
                    archive.expired_bytes.value(),
                )
            },
            counter(
                "cloister_expired_messages",
                "Messages that expired one by one.",
                archive.expired_entries.value(),
            ),
        ]
    }

    fn storage(&self, levels: &Levels) -> Vec<Family> {
        let stores = [("core", &*self.core), ("archive", &*self.archive.store)];
        let each = |of: fn(&StoreMeter) -> Value| {
            stores
                .iter()
                .map(|(name, meter)| point(vec![("store", (*name).to_owned())], of(meter)))
                .collect()
        };
        let faults = stores.iter().flat_map(|(name, meter)| {
            meter.faults.values().map(|(fault, count)| {
                let labels = vec![("store", (*name).to_owned()), label(fault)];
                point(labels, Value::Whole(count))
            })
        });
        let free = levels.disk_free.into_iter().map(|free| point(Vec::new(), Value::Whole(free)));
        let seconds = |histogram: &Histogram| Value::Many(histogram.distribution(), 1e6);
        vec![
            family(
                "cloister_store_commits",
                "Batches that were written.",
                Kind::Counter,
                each(|meter| Value::Whole(meter.commits.value())),
            ),
            Family {
                unit: Some(Unit::Seconds),
                points: stores
                    .iter()
                    .map(|(name, meter)| named_value("store", name, seconds(&meter.latency)))
                    .collect(),
                ..family(
                    "cloister_store_commit",
                    "How long a group of batches took until it was durable.",
                    Kind::Histogram,
                    Vec::new(),
                )
            },
            family(
                "cloister_store_group_size",
                "How many batches became durable together.",
                Kind::Histogram,
                each(|meter| Value::Many(meter.group_sizes.distribution(), 1.0)),
            ),
            family(
                "cloister_store_faults",
                "Groups that could not be written.",
                Kind::Counter,
                faults.collect(),
            ),
            bytes_level(
                "cloister_store",
                "What the store takes on the disk, without the archive.",
                levels.holdings.store_bytes,
            ),
            // What cannot be told is not there: 0 would be an alarm.
            Family {
                unit: Some(Unit::Bytes),
                ..many("cloister_disk_free", "Space that is left for data.", free.collect())
            },
            bytes_level(
                "cloister_disk_reserve",
                "Space that is left untouched.",
                levels.disk_reserve,
            ),
        ]
    }

    fn web(&self, levels: &Levels) -> Vec<Family> {
        let uploads = &self.uploads;
        let bytes =
            |name, help, value| Family { unit: Some(Unit::Bytes), ..counter(name, help, value) };
        vec![
            counter(
                "cloister_upload_slots",
                "Places for a file that were given.",
                uploads.slots.value(),
            ),
            by(
                "cloister_upload_slots_refused",
                "Places for a file that were refused.",
                &uploads.refused,
            ),
            counter("cloister_uploads", "Files that came in whole.", uploads.finished.value()),
            bytes(
                "cloister_upload_received",
                "Bytes of files that came in.",
                uploads.bytes_received.value(),
            ),
            bytes(
                "cloister_upload_sent",
                "Bytes of files that went out.",
                uploads.bytes_sent.value(),
            ),
            gauge("cloister_upload_files", "Files there are.", levels.holdings.upload_files),
            bytes_level(
                "cloister_upload_stored",
                "Bytes that files take.",
                levels.holdings.upload_bytes,
            ),
            by_two("cloister_http_requests", "Requests that were answered.", &self.http_requests),
            counter(
                "cloister_invitations_made",
                "Invitations that were made.",
                self.invitations_made.value(),
            ),
            counter(
                "cloister_invitations_used",
                "Times that an invitation was used.",
                self.invitations_used.value(),
            ),
        ]
    }

    fn trouble(&self, levels: &Levels) -> Vec<Family> {
        let expiry = levels.certificates.iter();
        let expiry = expiry.map(|one| named("domain", &one.domain, one.expires.seconds()));
        vec![
            by(
                "cloister_failures",
                "What went wrong, as the console and `cloister status` list it.",
                &self.failures_by_kind,
            ),
            Family {
                unit: Some(Unit::Seconds),
                ..many(
                    "cloister_certificate_expiry_timestamp",
                    "When the certificate in use ends.",
                    expiry.collect(),
                )
            },
            gauge(
                "cloister_ready",
                "1 if the server can do what it is for, as `/health/ready` says; otherwise 0.",
                levels.ready.into(),
            ),
        ]
    }
}

fn process(levels: &Levels) -> Vec<Family> {
    let Process { memory, cpu_micros, open_files, most_files } = levels.process;
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    let cpu = Value::Real(cpu_micros as f64 / 1e6);
    vec![
        family(
            "cloister_build",
            "The version that runs.",
            Kind::Info,
            vec![point(version, Value::None)],
        ),
        seconds_level(
            "cloister_uptime",
            "How long the server has been up.",
            levels.now.since(levels.started).as_secs(),
        ),
        seconds_level(
            "process_start_time",
            "When the server was started.",
            levels.started.seconds(),
        ),
        bytes_level("process_resident_memory", "Memory that the process has.", memory),
        Family {
            unit: Some(Unit::Seconds),
            ..family(
                "process_cpu",
                "Processor time that the process has used.",
                Kind::Counter,
                vec![point(Vec::new(), cpu)],
            )
        },
        gauge("process_open_fds", "Open files and sockets.", open_files),
        gauge("process_max_fds", "The most files and sockets that may be open.", most_files),
    ]
}

fn family(name: &'static str, help: &'static str, kind: Kind, points: Vec<Point>) -> Family {
    Family { name, help, unit: None, kind, points }
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Family {
    family(name, help, Kind::Counter, vec![point(Vec::new(), Value::Whole(value))])
}

fn gauge(name: &'static str, help: &'static str, value: u64) -> Family {
    family(name, help, Kind::Gauge, vec![point(Vec::new(), Value::Whole(value))])
}

fn bytes_level(name: &'static str, help: &'static str, value: u64) -> Family {
    Family { unit: Some(Unit::Bytes), ..gauge(name, help, value) }
}

fn seconds_level(name: &'static str, help: &'static str, value: u64) -> Family {
    Family { unit: Some(Unit::Seconds), ..gauge(name, help, value) }
}

fn many(name: &'static str, help: &'static str, points: Vec<Point>) -> Family {
    family(name, help, Kind::Gauge, points)
}

fn by<L: Label>(name: &'static str, help: &'static str, by: &By<L>) -> Family {
    let points = by.values().map(|(one, value)| point(vec![label(one)], Value::Whole(value)));
    family(name, help, Kind::Counter, points.collect())
}

fn by_two<L: Label, M: Label>(name: &'static str, help: &'static str, by: &ByTwo<L, M>) -> Family {
    let points = by
        .values()
        .map(|(one, other, value)| point(vec![label(one), label(other)], Value::Whole(value)));
    family(name, help, Kind::Counter, points.collect())
}

fn words(name: &'static str, help: &'static str, words: &Words) -> Family {
    let points = words.values().map(|(word, value)| named("condition", word, value));
    family(name, help, Kind::Counter, points.collect())
}

fn label<L: Label>(of: L) -> (&'static str, String) {
    (L::NAME, of.as_str().to_owned())
}

fn named(label: &'static str, name: &str, value: u64) -> Point {
    named_value(label, name, Value::Whole(value))
}

fn named_value(label: &'static str, name: &str, value: Value) -> Point {
    point(vec![(label, name.to_owned())], value)
}

fn point(labels: Vec<(&'static str, String)>, value: Value) -> Point {
    Point { labels, value }
}
