//! `cloister store check`: walks every record and tells what cannot be read.

use std::{collections::BTreeMap, path::Path};

use bytes::Bytes;

use super::{
    catalog::{CHUNK_ID, Catalog},
    chunk::{self, Form},
    engine::{Engine, Most},
    error::{Result, escaped},
    range::RawRange,
    read,
};

/// Problems that are listed; more are only counted.
const LISTED: usize = 100;

const STEP: Most = Most { rows: 512, bytes: 1024 * 1024 };

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Records by name of tree; every tree of the catalog is in it.
    pub records: BTreeMap<&'static str, u64>,
    /// The first 100 problems: tree and key, never content.
    pub problems: Vec<String>,
    /// All problems.
    pub problem_count: u64,
}

impl Report {
    fn problem(&mut self, key: &[u8], what: &str) {
        self.problem_count += 1;
        if self.problems.len() < LISTED {
            self.problems.push(format!("{}: {what}", escaped(key)));
        }
    }
}

/// A walk over all physical rows, in steps: nobody holds the engine for minutes.
#[derive(Debug)]
pub(crate) struct Walk {
    rest: RawRange,
    seen: u64,
    report: Report,
}

impl Walk {
    pub(crate) fn new(catalog: &Catalog) -> Self {
        let records = catalog.rows().iter().map(|row| (row.name, 0)).collect();
        Self {
            rest: RawRange { from: Vec::new(), to: vec![u8::MAX, u8::MAX] },
            seen: 0,
            report: Report { records, ..Report::default() },
        }
    }

    /// Looks at the next rows. `Some`: that were all.
    pub(crate) fn step(
        &mut self,
        engine: &Engine,
        dir: &Path,
        catalog: &Catalog,
    ) -> Result<Option<Report>> {
        let found =
            engine.scan(&self.rest, false, STEP).map_err(|error| error.told(dir, "reading"))?;
        for (key, physical) in &found.rows {
            if let Err(what) = row(engine, dir, catalog, key, physical, &mut self.report) {
                self.report.problem(key, &what);
            }
        }
        self.seen += found.rows.len() as u64;
        match found.rows.last() {
            Some((last, _)) if found.more => self.rest = self.rest.clone().beyond(last, false),
            _ => return Ok(Some(std::mem::take(&mut self.report))),
        }
        Ok(None)
    }

    /// Rows seen up to now.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }
}

fn row(
    engine: &Engine,
    dir: &Path,
    catalog: &Catalog,
    key: &[u8],
    physical: &Bytes,
    report: &mut Report,
) -> Result<(), String> {
    let (&id, rest) = key.split_first().ok_or("an empty key")?;
    if id == CHUNK_ID {
        return chunk_row(engine, key);
    }
    let tree = catalog.tree(id).ok_or_else(|| format!("no tree has the id {id:#04x}"))?;
    *report.records.entry(tree.name).or_default() += 1;
    let Some((key_decodes, value_decodes)) = tree.decodes else {
        return Ok(());
    };
    let named = |what: String| format!("tree `{}`: {what}", tree.name);
    key_decodes(rest).map_err(named)?;
    let logical = match chunk::form(physical.clone()) {
        Form::Inline(value) => Some(value),
        // Whoever removes it meanwhile is right.
        _ => read::get(engine, dir, key).map_err(|_| named("its chunks are incomplete".into()))?,
    };
    logical.map_or(Ok(()), |value| value_decodes(value).map_err(named))
}

/// A chunk must belong to a head. Written together, so a missing head is no race unless both went meanwhile.
fn chunk_row(engine: &Engine, key: &[u8]) -> Result<(), String> {
    let (owner, index) = chunk::owner(key).ok_or("a malformed chunk key")?;
    let owned = |head: Option<Bytes>| matches!(head.map(chunk::form), Some(Form::Chunked(head)) if index < head.chunks);
    let get = |key: &[u8]| engine.get(key).map_err(|_| "it cannot be read".to_owned());
    if owned(get(owner)?) || get(key)?.is_none() {
        return Ok(());
    }
    Err("a chunk without its head".into())
}
