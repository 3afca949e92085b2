//! `DATABASE_URL`, in the forms that people have in their settings.

use std::path::PathBuf;
use std::str::FromStr;

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    /// File of the SQLite database.
    pub path: PathBuf,
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err("want sqlite://PATH, such as sqlite://./data/homeiq.db".to_owned());
        };
        let path = match scheme.to_ascii_lowercase().as_str() {
            // As in a URL: two slashes, then the path, relative or absolute.
            "sqlite" => rest.strip_prefix("//").unwrap_or(rest),
            // As SQLAlchemy writes it: three slashes before a relative path, four before an absolute one.
            "sqlite+aiosqlite" | "sqlite+pysqlite" => rest.strip_prefix("///").unwrap_or(rest),
            "postgres" | "postgresql" | "postgresql+asyncpg" => {
                return Err(
                    "PostgreSQL is not supported by this version: use sqlite://PATH".to_owned(),
                );
            }
            other => {
                return Err(format!(
                    "'{other}' is not a database that can be used: want sqlite://PATH"
                ));
            }
        };
        let path = path.split('?').next().unwrap_or_default();
        if path.is_empty() || path == ":memory:" {
            return Err("want the path of a file, such as sqlite://./data/homeiq.db".to_owned());
        }
        Ok(Self {
            path: PathBuf::from(path),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_urls_and_what_the_replaced_services_had() {
        for (text, path) in [
            ("sqlite://./data/a.db", "./data/a.db"),
            ("sqlite:///data/a.db", "/data/a.db"),
            ("sqlite:data/a.db", "data/a.db"),
            (
                "sqlite+aiosqlite:///./data/metadata.db",
                "./data/metadata.db",
            ),
            ("sqlite+aiosqlite:////app/data/a.db", "/app/data/a.db"),
        ] {
            assert_eq!(
                text.parse::<DatabaseUrl>().unwrap().path,
                PathBuf::from(path),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_it_cannot_open_with_a_word_on_what_to_write() {
        for text in [
            "",
            "data.db",
            "mysql://x",
            "sqlite://",
            "sqlite::memory:",
            "postgres://db/x",
        ] {
            assert!(
                text.parse::<DatabaseUrl>()
                    .unwrap_err()
                    .contains("sqlite://"),
                "{text}"
            );
        }
    }
}
