//! Which events are kept: rules of the home's owner, by entity, domain, area and device class.
//!
//! ```json
//! {"mode": "exclude",
//!  "patterns":   [{"entity_id": "sensor.*_battery"}, {"domain": "update"}, {"area_id": "garage"}, {"device_class": "battery"}],
//!  "exceptions": [{"entity_id": "sensor.important_battery"}]}
//! ```
//!
//! `exclude` drops what a pattern matches, `include` drops what none matches; an exception is kept in both. A rule matches when any of
//! its keys does, as in the replaced service; with `"match": "all"` when all of them do. `entity_id` is a glob (`*`, `?`).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use common::api::events::NewEvent;
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest rule file, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Where the rules come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterSource {
    /// The text itself (`ENTITY_FILTER_CONFIG`).
    Text(String),
    /// A file (`ENTITY_FILTER_CONFIG_FILE`); one that is not there means no rules.
    File(PathBuf),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    #[serde(default = "exclude")]
    mode: String,
    #[serde(default)]
    patterns: Vec<Rule>,
    #[serde(default)]
    exceptions: Vec<Rule>,
}

fn exclude() -> String {
    "exclude".to_owned()
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(default)]
    entity_id: Option<String>,
    #[serde(default)]
    domain: Option<String>,
    #[serde(default)]
    area_id: Option<String>,
    #[serde(default)]
    device_class: Option<String>,
    #[serde(default, rename = "match")]
    combine: Combine,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Combine {
    #[default]
    Any,
    All,
}

impl Rules {
    fn read(text: &str) -> Result<Self, String> {
        let rules: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if rules
            .patterns
            .iter()
            .chain(&rules.exceptions)
            .any(Rule::is_empty)
        {
            return Err("a rule has none of entity_id, domain, area_id, device_class".to_owned());
        }
        Ok(rules)
    }

    fn is_include(&self) -> bool {
        self.mode != "exclude"
    }
}

impl Rule {
    fn is_empty(&self) -> bool {
        self.entity_id.is_none()
            && self.domain.is_none()
            && self.area_id.is_none()
            && self.device_class.is_none()
    }

    fn matches(&self, event: &NewEvent, device_class: Option<&str>) -> bool {
        let keys = [
            self.entity_id
                .as_ref()
                .map(|pattern| glob(pattern.as_bytes(), event.entity_id.as_str().as_bytes())),
            self.domain
                .as_ref()
                .map(|domain| domain == event.entity_id.domain()),
            self.area_id
                .as_ref()
                .map(|area| event.area_id.as_ref() == Some(area)),
            self.device_class
                .as_ref()
                .map(|class| device_class == Some(class)),
        ];
        let mut said = keys.into_iter().flatten();
        match self.combine {
            Combine::Any => said.any(|matches| matches),
            Combine::All => said.all(|matches| matches),
        }
    }

    fn asks_for_class(&self) -> bool {
        self.device_class.is_some()
    }
}

/// Whether `text` is what `pattern` describes: `*` any run, `?` any one character. Linear in the text for each star.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star, mut resume) = (0, 0, None, 0);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some(p);
                resume = t;
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some(at) = star else { return false };
                p = at + 1;
                resume += 1;
                t = resume;
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// What the rules say of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    NoRules,
    Excepted,
    Passed,
    Filtered,
}

/// The rules in force, and what they did.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    source: Option<FilterSource>,
    rules: RwLock<Option<Rules>>,
    filtered: AtomicU64,
    passed: AtomicU64,
    excepted: AtomicU64,
}

impl Filter {
    /// Reads the rules.
    ///
    /// # Errors
    /// They cannot be read; the text says where and what is wrong.
    pub(crate) fn new(source: FilterSource) -> Result<Self, String> {
        let filter = Self {
            source: Some(source),
            ..Self::default()
        };
        filter.reload()?;
        Ok(filter)
    }

    /// Reads the rules again. Rules that cannot be read leave those in force as they are.
    pub(crate) fn reload(&self) -> Result<(), String> {
        let text = match &self.source {
            None => None,
            Some(FilterSource::Text(text)) => {
                Some(("ENTITY_FILTER_CONFIG".to_owned(), text.clone()))
            }
            Some(FilterSource::File(path)) => {
                read_file(path)?.map(|text| (path.display().to_string(), text))
            }
        };
        let rules = text
            .map(|(place, text)| Rules::read(&text).map_err(|error| format!("{place}: {error}")))
            .transpose()?;
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        Ok(())
    }

    /// Whether an event is kept.
    pub(crate) fn keeps(&self, event: &NewEvent) -> bool {
        let verdict = self.verdict(event);
        match verdict {
            Verdict::NoRules => {}
            Verdict::Filtered => {
                self.filtered.fetch_add(1, Ordering::Relaxed);
            }
            Verdict::Passed => {
                self.passed.fetch_add(1, Ordering::Relaxed);
            }
            Verdict::Excepted => {
                self.excepted.fetch_add(1, Ordering::Relaxed);
                self.passed.fetch_add(1, Ordering::Relaxed);
            }
        }
        verdict != Verdict::Filtered
    }

    /// Whether a state may be shown, which is no event and is not counted.
    pub(crate) fn shows(&self, state: &NewEvent) -> bool {
        self.verdict(state) != Verdict::Filtered
    }

    fn verdict(&self, event: &NewEvent) -> Verdict {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        let Some(rules) = rules.as_ref() else {
            return Verdict::NoRules;
        };
        // Attributes are read only where a rule asks for what is in them.
        let asks = rules
            .patterns
            .iter()
            .chain(&rules.exceptions)
            .any(Rule::asks_for_class);
        let class = if asks { device_class(event) } else { None };
        if rules
            .exceptions
            .iter()
            .any(|rule| rule.matches(event, class.as_deref()))
        {
            return Verdict::Excepted;
        }
        let matched = rules
            .patterns
            .iter()
            .any(|rule| rule.matches(event, class.as_deref()));
        if matched == rules.is_include() {
            Verdict::Passed
        } else {
            Verdict::Filtered
        }
    }

    /// What `GET /api/v1/filter/stats` answers.
    pub(crate) fn stats(&self, uptime_seconds: f64) -> Value {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        let Some(rules) = rules.as_ref() else {
            return json!({"enabled": false, "statistics": null, "message": "Entity filter not configured"});
        };
        let (filtered, passed) = (
            self.filtered.load(Ordering::Relaxed),
            self.passed.load(Ordering::Relaxed),
        );
        let total = filtered + passed;
        json!({"enabled": true, "message": null, "statistics": {
            "filtered_count": filtered,
            "passed_count": passed,
            "exception_count": self.excepted.load(Ordering::Relaxed),
            "total_processed": total,
            "filter_rate": if total == 0 { 0.0 } else { filtered as f64 / total as f64 },
            "uptime_seconds": uptime_seconds,
            "mode": rules.mode,
            "patterns_count": rules.patterns.len(),
            "exceptions_count": rules.exceptions.len(),
        }})
    }
}

fn read_file(path: &Path) -> Result<Option<String>, String> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
        Ok(found) if found.len() > MAX_BYTES => {
            Err(format!("{}: more than {MAX_BYTES} bytes", path.display()))
        }
        Ok(_) => std::fs::read_to_string(path)
            .map(Some)
            .map_err(|error| format!("{}: {error}", path.display())),
    }
}

fn device_class(event: &NewEvent) -> Option<String> {
    #[derive(Deserialize)]
    struct Classified {
        device_class: Option<String>,
    }
    serde_json::from_str::<Classified>(event.attributes.as_deref()?.get())
        .ok()?
        .device_class
}

#[cfg(test)]
mod tests;
