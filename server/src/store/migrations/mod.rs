//! Schemas: what a store of this program looks like, and how older ones get there.
//!
//! A fresh store is stamped, an older one is copied and then walked step by step, a newer one is refused. A step
//! lives in `mNNNN_name.rs`. It may take several commits and may be cut off between them, so it must be
//! idempotent: the number is raised only when it is through, in a commit of its own.

mod backup;

use std::path::{Path, PathBuf};

use super::{
    batch::Batch,
    catalog::META,
    engine::{Engine, Most},
    error::{Result, StoreError},
    key::{AsKey, Key},
    options::Options,
    plan::{self, Refusal},
    range::{Page, Range, Rows},
    read,
    tree::Tree,
    value::Value,
};

/// The schema that this program writes.
pub const SCHEMA: u32 = 1;

/// All steps, in order. Empty: schema 1 is the first.
pub const STEPS: &[Migration] = &[];

const SCHEMA_KEY: &str = "schema";

/// One step from schema `to - 1` to `to`.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The schema after the step.
    pub to: u32,
    /// What it does, in a word or two.
    pub name: &'static str,
    /// The step. Must be idempotent.
    pub run: fn(&mut MigrationTx<'_>) -> Result<()>,
}

/// The store as a step sees it: nobody else has it open.
#[derive(Debug)]
pub struct MigrationTx<'a> {
    engine: &'a Engine,
    dir: &'a Path,
}

impl MigrationTx<'_> {
    /// Reads one record.
    pub fn get<K: Key, V: Value, Q>(&self, tree: &Tree<K, V>, key: &Q) -> Result<Option<V>>
    where
        Q: AsKey<Form = K::Form> + ?Sized,
    {
        let key = tree.physical(key);
        let found = read::get(self.engine, self.dir, &key)?;
        found.map(|value| tree.value_of(&key, value)).transpose()
    }

    /// Reads one page.
    pub fn scan<K: Key, V: Value>(
        &self,
        tree: &Tree<K, V>,
        range: &Range<K::Form>,
        page: &Page<K::Form>,
    ) -> Result<Rows<K, V>> {
        read::typed(tree, read::page(self.engine, self.dir, &read::Want::new(tree, range, page))?)
    }

    /// Writes a batch; durable when it returns.
    pub fn commit(&mut self, batch: Batch) -> Result<()> {
        write(self.engine, self.dir, &batch.sound()?)
    }
}

/// Opens a store of the right schema, which may mean making or migrating it.
pub(crate) fn open(options: &Options) -> Result<Engine> {
    let engine = Engine::open(options)?;
    let found = schema(&engine, options)?;
    if found > options.schema {
        let backups = options.backups.clone();
        return Err(StoreError::Newer { found, known: options.schema, backups });
    }
    if found < options.schema {
        return migrate(engine, found, options);
    }
    engine.mark()?;
    Ok(engine)
}

/// What the store says. Stamps a fresh one.
fn schema(engine: &Engine, options: &Options) -> Result<u32> {
    let tx = MigrationTx { engine, dir: &options.dir };
    if let Some(text) = tx.get(&META, SCHEMA_KEY)? {
        let damaged = || META.damaged(&META.physical(SCHEMA_KEY), "not a number".into());
        return text.parse().map_err(|_| damaged());
    }
    let everything = super::range::RawRange { from: Vec::new(), to: vec![u8::MAX] };
    let some = engine.scan(&everything, false, Most { rows: 1, bytes: 0 });
    let some = some.map_err(|error| error.told(&options.dir, "reading"))?;
    if engine.is_marked() || !some.rows.is_empty() {
        let what = "it has lost its schema, and so other records too".into();
        return Err(StoreError::Damaged { path: options.dir.clone(), what });
    }
    stamp(engine, options, options.schema)?;
    Ok(options.schema)
}

fn migrate(engine: Engine, found: u32, options: &Options) -> Result<Engine> {
    let backup =
        if options.transient { PathBuf::new() } else { backup::copy(engine, found, options)? };
    // A plain copy is right only while the database is closed, so it was.
    let engine = Engine::open(options)?;
    let steps = options.steps.iter().filter(|step| step.to > found && step.to <= options.schema);
    for step in steps {
        tracing::info!(to = step.to, name = step.name, "migrating the store");
        let mut tx = MigrationTx { engine: &engine, dir: &options.dir };
        let failed = |error: StoreError| StoreError::Migration {
            to: step.to,
            name: step.name,
            why: error.to_string(),
            backup: backup.clone(),
        };
        (step.run)(&mut tx).and_then(|()| stamp(&engine, options, step.to)).map_err(failed)?;
    }
    stamp(&engine, options, options.schema)?;
    engine.mark()?;
    Ok(engine)
}

fn stamp(engine: &Engine, options: &Options, schema: u32) -> Result<()> {
    let mut batch = Batch::new();
    batch.put(&META, SCHEMA_KEY, &schema.to_string());
    write(engine, &options.dir, &batch)
}

fn write(engine: &Engine, dir: &Path, batch: &Batch) -> Result<()> {
    let told = |error: super::engine::EngineError| error.told(dir, "writing");
    let writes = plan::plan(engine, &plan::NOTHING, batch).map_err(|refusal| match refusal {
        Refusal::Batch(error) => error,
        Refusal::Engine(error) => told(error),
    })?;
    engine.apply(&writes).and_then(|()| engine.sync()).map_err(told)
}
