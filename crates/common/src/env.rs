//! Settings from the environment: every name, default and explanation is said once, where the setting is read.
//!
//! Rules, the same for every service: an empty value counts as unset; of several names the first that is set wins; each secret
//! `X` may come from a file named by `X_FILE`; all mistakes are collected, so that one start shows them all.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

/// A source of settings, which remembers what was asked and what was wrong.
#[derive(Debug, Clone, Default)]
pub struct Env {
    values: BTreeMap<String, String>,
    asked: Vec<Asked>,
    mistakes: Vec<String>,
}

/// One setting, as docs/CONFIGURATION.md shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its names; the first is the preferred one.
    pub names: Vec<String>,
    /// Its value when none of the names is set.
    pub default: String,
    /// What it means.
    pub doc: &'static str,
}

/// Every setting that could not be used, with what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} wrong in the settings:",
            if self.0.len() == 1 {
                "1 thing is".to_owned()
            } else {
                format!("{} things are", self.0.len())
            }
        )?;
        for mistake in &self.0 {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

impl Env {
    /// The settings of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn process() -> Self {
        Self::from_pairs(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    /// Settings given by a test or by another program.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let values = pairs
            .into_iter()
            .map(|(n, v)| (n.into(), v.into()))
            .collect();
        Self {
            values,
            ..Self::default()
        }
    }

    /// Gives `name` this value unless the user has set one.
    pub fn set_default(&mut self, name: &str, value: impl Into<String>) {
        if self.raw(name).is_none() {
            self.values.insert(name.to_owned(), value.into());
        }
    }

    /// Whether any of `names` has a value.
    pub fn is_set(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.raw(name).is_some())
    }

    /// A setting with a default, which is written as a user would write it.
    pub fn value<T>(&mut self, names: &[&str], default: &str, doc: &'static str) -> T
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.remember(names, default, doc);
        match self.parsed(names) {
            Some(value) => value,
            None => match default.parse() {
                Ok(value) => value,
                Err(error) => unreachable!("the default of {} cannot be read: {error}", names[0]),
            },
        }
    }

    /// A setting that may be absent.
    pub fn optional<T>(&mut self, names: &[&str], doc: &'static str) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.remember(names, "", doc);
        self.parsed(names)
    }

    /// A setting that is on or off: true, 1, yes, on / false, 0, no, off, in any case.
    pub fn switch(&mut self, names: &[&str], default: bool, doc: &'static str) -> bool {
        self.value::<Switch>(names, if default { "true" } else { "false" }, doc)
            .0
    }

    /// A secret, given itself or by the file that holds it (`X_FILE`).
    pub fn secret(&mut self, names: &[&str], doc: &'static str) -> Option<Secret> {
        let file_names: Vec<String> = names.iter().map(|name| format!("{name}_FILE")).collect();
        let all: Vec<&str> = names
            .iter()
            .copied()
            .chain(file_names.iter().map(String::as_str))
            .collect();
        self.remember(&all, "", doc);
        for (name, file) in names.iter().zip(&file_names) {
            match (self.raw(name), self.raw(file)) {
                (Some(_), Some(_)) => {
                    self.mistakes
                        .push(format!("{name} and {file} are both set: unset one of them"));
                    return None;
                }
                (Some(value), None) => return Some(Secret::Value(value.to_owned().into())),
                (None, Some(path)) => return Some(Secret::File(path.into())),
                (None, None) => {}
            }
        }
        None
    }

    /// Says that a setting, though readable, cannot be used.
    pub fn mistake(&mut self, text: impl Into<String>) {
        self.mistakes.push(text.into());
    }

    /// All settings that were asked for, in order, each name once.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// Ends the reading: every mistake at once, if there is any.
    pub fn finish(&mut self) -> Result<(), Mistakes> {
        if self.mistakes.is_empty() {
            Ok(())
        } else {
            Err(Mistakes(std::mem::take(&mut self.mistakes)))
        }
    }

    fn raw(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn remember(&mut self, names: &[&str], default: &str, doc: &'static str) {
        if !self.asked.iter().any(|asked| asked.names[0] == names[0]) {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            self.asked.push(Asked {
                names,
                default: default.to_owned(),
                doc,
            });
        }
    }

    fn parsed<T>(&mut self, names: &[&str]) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let (name, text) = names
            .iter()
            .find_map(|name| Some((*name, self.raw(name)?)))?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let mistake = format!(
                    "{name}={}: {error}",
                    text.chars().take(80).collect::<String>()
                );
                if !self.mistakes.contains(&mistake) {
                    self.mistakes.push(mistake);
                }
                None
            }
        }
    }
}

/// A secret, or where it will be found.
#[derive(Debug, Clone)]
pub enum Secret {
    /// The secret itself.
    Value(SecretString),
    /// A file that holds it, and that may not be there yet.
    File(PathBuf),
}

impl Secret {
    /// The secret as it is now. `Ok(None)`: its file is not there yet, or is empty.
    ///
    /// # Errors
    /// The file is there but cannot be read; the text names it.
    pub fn current(&self) -> Result<Option<SecretString>, String> {
        match self {
            Self::Value(secret) => Ok(Some(secret.clone())),
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => {
                    let secret = text.trim_end_matches(['\n', '\r']);
                    Ok((!secret.is_empty()).then(|| secret.to_owned().into()))
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(format!("cannot read {}: {error}", path.display())),
            },
        }
    }
}

/// On or off, as people write it.
struct Switch(bool);

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Self(true)),
            "false" | "0" | "no" | "off" => Ok(Self(false)),
            _ => Err("want true or false"),
        }
    }
}

/// A duration in seconds, as settings write it (`5`, `0.25`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Duration);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<f64>()
            .ok()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .map(Self)
            .ok_or("want a number of seconds, such as 5 or 0.25")
    }
}

/// A list as settings write it, with commas between its words; spaces around them, and words of nothing, are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommaList(pub Vec<String>);

impl FromStr for CommaList {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = text.split(',').map(str::trim);
        let words = words.filter(|word| !word.is_empty());
        Ok(Self(words.map(str::to_owned).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn an_empty_value_counts_as_unset_and_the_first_name_wins() {
        let mut env = Env::from_pairs([("A", ""), ("B", "2"), ("C", "3")]);
        assert_eq!(env.value::<u8>(&["A", "B", "C"], "1", "a number"), 2);
        assert_eq!(env.value::<u8>(&["A"], "1", "a number"), 1);
        assert!(env.finish().is_ok());
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let mut env = Env::from_pairs([("PORT", "eighty"), ("WAIT", "-1"), ("ON", "perhaps")]);
        env.value::<u16>(&["PORT"], "80", "");
        env.value::<Seconds>(&["WAIT"], "5", "");
        env.switch(&["ON"], true, "");
        let told = env.finish().unwrap_err().to_string();
        assert!(told.starts_with("3 things are wrong"), "{told}");
        for name in ["PORT=eighty", "WAIT=-1", "ON=perhaps"] {
            assert!(told.contains(name), "{told}");
        }
    }

    #[test]
    fn a_secret_comes_from_its_file_without_the_last_newline_and_may_come_late() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let mut env = Env::from_pairs([("TOKEN_FILE", path.to_str().unwrap())]);
        let secret = env.secret(&["HA_TOKEN", "TOKEN"], "").unwrap();
        assert!(secret.current().unwrap().is_none());
        std::fs::write(&path, "abc\n").unwrap();
        assert_eq!(secret.current().unwrap().unwrap().expose_secret(), "abc");
    }

    #[test]
    fn a_secret_given_twice_is_a_mistake_that_does_not_show_it() {
        let mut env = Env::from_pairs([("TOKEN", "hidden"), ("TOKEN_FILE", "/run/secrets/token")]);
        assert!(env.secret(&["TOKEN"], "").is_none());
        let told = env.finish().unwrap_err().to_string();
        assert!(
            told.contains("TOKEN and TOKEN_FILE are both set") && !told.contains("hidden"),
            "{told}"
        );
    }
}
