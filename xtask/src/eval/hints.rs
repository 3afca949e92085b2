//! Does it help to know what names mean? The registry forgets which entities share a device, and the sentence model guesses it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::workspace;

/// What a registry may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Lack {
    /// The area of every entity
    Areas,
    /// The device of every entity but the first of each device: an indicator is no longer known to be its lamp's
    Devices,
}

#[derive(Args)]
#[group(id = "registry")]
pub(super) struct Options {
    /// What the registry of the homes does not tell
    #[arg(long, value_enum)]
    without: Option<Lack>,
    /// An entity without device gets that of the one whose name means most alike, from this cosine on (crate semantic)
    #[arg(long, value_name = "COSINE")]
    hints: Option<f64>,
}

/// How registries are changed before the miner sees them.
pub(super) struct Hints {
    without: Option<Lack>,
    /// The program that finds the nearest name, and the cosine from which on it is believed.
    nearest: Option<(PathBuf, f64)>,
}

impl Hints {
    pub(super) fn new(options: &Options) -> anyhow::Result<Self> {
        let nearest = match options.hints {
            Some(least) => Some((workspace::build_example("semantic", "nearest")?, least)),
            None => None,
        };
        Ok(Self {
            without: options.without,
            nearest,
        })
    }

    /// What the miner is told in place of `registry`.
    pub(super) fn apply(&self, registry: &Value) -> anyhow::Result<Value> {
        let mut registry = registry.clone();
        let entities = registry["entities"].as_array_mut();
        let entities = entities.context("the registry has entities")?;
        match self.without {
            Some(Lack::Areas) => entities
                .iter_mut()
                .for_each(|entity| entity["area"] = Value::Null),
            Some(Lack::Devices) => forget_devices(entities),
            None => {}
        }
        if let Some((program, least)) = &self.nearest {
            let names: String = entities.iter().map(|entity| name(entity) + "\n").collect();
            let found = nearest(program, &names)?;
            ensure!(found.len() == entities.len(), "a line for each name");
            let devices: Vec<Value> = entities.iter().map(|e| e["device_id"].clone()).collect();
            for (entity, (other, cosine)) in entities.iter_mut().zip(found) {
                if entity["device_id"].is_null() && cosine >= *least {
                    entity["device_id"] = devices[other].clone();
                }
            }
        }
        Ok(registry)
    }
}

fn forget_devices(entities: &mut [Value]) {
    let mut seen = std::collections::HashSet::new();
    for entity in entities {
        if !seen.insert(entity["device_id"].to_string()) {
            entity["device_id"] = json!(null);
        }
    }
}

/// `switch.kitchen_plug` is called "kitchen plug".
fn name(entity: &Value) -> String {
    let id = entity["entity_id"].as_str().unwrap_or_default();
    id.split_once('.')
        .map_or(id, |(_, name)| name)
        .replace('_', " ")
}

/// For each line the number of the nearest other one, and the cosine.
fn nearest(program: &Path, names: &str) -> anyhow::Result<Vec<(usize, f64)>> {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // It reads everything before it answers.
    child
        .stdin
        .take()
        .context("the input is piped")?
        .write_all(names.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{} failed", program.display());
    let lines = String::from_utf8(output.stdout)?;
    lines
        .lines()
        .map(|line| {
            let (other, cosine) = line.split_once(' ').context("two numbers")?;
            Ok((other.parse()?, cosine.parse()?))
        })
        .collect()
}
