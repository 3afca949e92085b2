//! `DATABASE_URL`, in the forms that people have in their settings.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// File of a SQLite database.
    Sqlite(PathBuf),
    /// Address of a PostgreSQL server and a database there, with user and password.
    Postgres(Url),
}

/// Passwords do not print.
impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(url) => write!(
                f,
                "postgres://{}{}",
                url.host_str().unwrap_or_default(),
                url.path()
            ),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const WANT: &str = "want sqlite://PATH, such as sqlite://./data/homeiq.db, or postgres://USER:PASSWORD@HOST/DATABASE";
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(WANT.to_owned());
        };
        let path = match scheme.to_ascii_lowercase().as_str() {
            // As in a URL: two slashes, then the path, relative or absolute.
            "sqlite" => rest.strip_prefix("//").unwrap_or(rest),
            // As SQLAlchemy writes it: three slashes before a relative path, four before an absolute one.
            "sqlite+aiosqlite" | "sqlite+pysqlite" => rest.strip_prefix("///").unwrap_or(rest),
            // SQLAlchemy names the driver after a plus sign.
            "postgres"
            | "postgresql"
            | "postgresql+asyncpg"
            | "postgresql+psycopg"
            | "postgresql+psycopg2" => {
                let url = format!("postgres:{rest}")
                    .parse::<Url>()
                    .map_err(|error| format!("not an address ({error}): {WANT}"))?;
                if url.host_str().is_none_or(str::is_empty) || url.path().len() < 2 {
                    return Err(format!("host or database is missing: {WANT}"));
                }
                return Ok(Self::Postgres(url));
            }
            other => {
                return Err(format!(
                    "'{other}' is not a database that can be used: {WANT}"
                ));
            }
        };
        let path = path.split('?').next().unwrap_or_default();
        if path.is_empty() || path == ":memory:" {
            return Err("want the path of a file, such as sqlite://./data/homeiq.db".to_owned());
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
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
                text.parse::<DatabaseUrl>().unwrap(),
                DatabaseUrl::Sqlite(PathBuf::from(path)),
                "{text}"
            );
        }
        for text in [
            "postgres://homeiq:secret@db:5433/home",
            "postgresql://homeiq:secret@db:5433/home",
            "postgresql+asyncpg://homeiq:secret@db:5433/home",
        ] {
            let DatabaseUrl::Postgres(url) = text.parse::<DatabaseUrl>().unwrap() else {
                panic!("{text}");
            };
            assert_eq!(url.as_str(), "postgres://homeiq:secret@db:5433/home");
        }
    }

    #[test]
    fn a_password_does_not_print() {
        let url: DatabaseUrl = "postgres://homeiq:secret@db/home".parse().unwrap();
        assert_eq!(
            format!("{url} {url:?}"),
            "postgres://db/home postgres://db/home"
        );
    }

    #[test]
    fn refuses_what_it_cannot_open_with_a_word_on_what_to_write() {
        for text in [
            "",
            "data.db",
            "mysql://x",
            "sqlite://",
            "sqlite::memory:",
            "postgres://db",
            "postgres:///home",
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
