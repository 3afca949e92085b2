//! Whether what lies there is what it should be. Changes nothing.

use std::fmt;

use models::{Cache, Incomplete, Lock, Model, ModelFile};

use crate::failure::bytes;
use crate::{Failure, Settings, digest};

/// Why a file has to come, or to come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not there.
    Missing,
    /// It is there and wrong: in words.
    Damaged(String),
}

/// What is wrong with a file, if anything: its bytes are read.
pub(crate) async fn fault(
    cache: &Cache,
    model: &Model,
    file: &ModelFile,
    lock: &Lock,
) -> Option<Fault> {
    match cache.check_file(model, file) {
        Err(Incomplete::Missing(_)) => return Some(Fault::Missing),
        Err(wrong) => return Some(Fault::Damaged(wrong.to_string())),
        Ok(()) => {}
    }
    let path = cache.file(model, file);
    let wanted = file.sha256.as_ref().or_else(|| lock.digest(model, file))?;
    match digest::of(&path).await {
        Ok(found) if found == *wanted => None,
        Ok(found) => Some(Fault::Damaged(format!(
            "{} is damaged: SHA-256 {found}, wanted {wanted}",
            path.display()
        ))),
        Err(error) => Some(Fault::Damaged(format!(
            "{} cannot be read: {error}",
            path.display()
        ))),
    }
}

/// What was found of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The model.
    pub model: String,
    size: u64,
    is_wanted: bool,
    missing: usize,
    damaged: Vec<String>,
}

impl Verdict {
    /// Whether it is as it should be: whole, or neither there nor wanted.
    pub fn is_fine(&self) -> bool {
        self.damaged.is_empty() && (self.missing == 0 || !self.is_wanted)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (model, missing) = (&self.model, self.missing);
        if missing == 0 && self.damaged.is_empty() {
            return write!(
                f,
                "{model}: whole, {}, every digest is right",
                bytes(self.size)
            );
        }
        write!(f, "{model}: not whole")?;
        for damaged in &self.damaged {
            write!(f, "; {damaged}")?;
        }
        if missing > 0 {
            write!(f, "; {missing} files are not there")?;
        }
        f.write_str(". `prepare` fetches what is missing or damaged")
    }
}

/// Reads every file of the models that the settings name, and of others that are there.
pub async fn verify(settings: &Settings) -> Result<Vec<Verdict>, Failure> {
    let cache = &settings.cache;
    let lock = Lock::read(cache)?;
    let wanted = settings.chosen().unwrap_or_default();
    let mut verdicts = Vec::new();
    for model in settings.manifest.models() {
        let is_wanted = wanted.contains(&model);
        if !is_wanted && !cache.folder(model).exists() {
            continue;
        }
        let mut verdict = Verdict {
            model: model.name.clone(),
            size: model.size_bytes(),
            is_wanted,
            missing: 0,
            damaged: Vec::new(),
        };
        for file in &model.files {
            match fault(cache, model, file, &lock).await {
                None => {}
                Some(Fault::Missing) => verdict.missing += 1,
                Some(Fault::Damaged(what)) => verdict.damaged.push(what),
            }
        }
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

/// Every model that is known, and whether it is there; names and sizes are looked at, not bytes.
pub fn list(settings: &Settings) -> String {
    let rows: Vec<[String; 6]> = settings
        .manifest
        .models()
        .iter()
        .map(|model| {
            let state = match settings.cache.check(model) {
                Ok(()) => "prepared",
                Err(_) if settings.cache.folder(model).exists() => "not whole",
                Err(_) => "not here",
            };
            let used_by = if model.used_by.is_empty() {
                "nobody".to_owned()
            } else {
                model.used_by.join(", ")
            };
            [
                model.name.clone(),
                state.to_owned(),
                bytes(model.size_bytes()),
                model.licence.clone(),
                used_by,
                format!("{}@{}", model.repository, &model.revision[..12]),
            ]
        })
        .collect();
    let head = ["model", "state", "size", "licence", "used by", "repository"];
    let head = head.map(str::to_owned);
    let lines = std::iter::once(&head).chain(&rows).map(|row| {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let widest = rows.iter().map(|row| row[column].len()).max();
            let width = widest.unwrap_or_default().max(head[column].len());
            format!("{cell:width$}")
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    let table = lines.collect::<Vec<_>>().join("\n");
    format!("{table}\nin {}", settings.cache.path().display())
}
