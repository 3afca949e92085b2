//! Where a past can be read from.

use std::path::PathBuf;

use common::entity::domain_of;
use common::instant::UtcMicros;
use database::url::DatabaseUrl;

use crate::entities::Entities;
use crate::events::Events;
use crate::failure::ImportFailed;
use crate::influx::Influx;
use crate::ltss::Ltss;
use crate::page::Page;
use crate::position::Position;
use crate::recorder::Recorder;
use crate::statistics::Statistics;

/// Which rows are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// From this instant on.
    pub since: Option<UtcMicros>,
    /// Before this instant.
    pub until: Option<UtcMicros>,
    /// Entity ids, domains (`light`) or beginnings of ids (`sensor.kitchen_*`); none: all.
    pub entities: Vec<String>,
}

impl Filter {
    pub(crate) fn wants(&self, entity_id: &str) -> bool {
        self.entities.is_empty()
            || self
                .entities
                .iter()
                .any(|wanted| match wanted.strip_suffix('*') {
                    Some(beginning) => entity_id.starts_with(beginning),
                    None => entity_id == wanted || domain_of(entity_id) == wanted,
                })
    }

    pub(crate) fn is_within(&self, at: i64) -> bool {
        self.since.is_none_or(|since| at >= since.get())
            && self.until.is_none_or(|until| at < until.get())
    }
}

/// A source, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The database of Home Assistant's recorder: a file, or `postgres://…`.
    Recorder(String),
    /// Long-term statistics of the same database.
    Statistics(String),
    /// A file that a data-api has exported as NDJSON, plain or packed with gzip or zstd.
    Events(String),
    /// A file of line protocol, plain or packed with gzip or zstd.
    Influx(String),
    /// The table of LTSS: `postgres://…`.
    Ltss(String),
}

/// What a source has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Rows of `common::api::events::NewEvent`.
    Changes,
    /// Rows of `common::api::statistics::NewStatistic`.
    Statistics,
}

impl What {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "state changes",
            Self::Statistics => "statistics",
        }
    }
}

impl Source {
    pub(crate) fn what(&self) -> What {
        match self {
            Self::Statistics(_) => What::Statistics,
            Self::Recorder(_) | Self::Events(_) | Self::Influx(_) | Self::Ltss(_) => What::Changes,
        }
    }

    /// The word of the command line, for file names.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Recorder(_) => "recorder",
            Self::Statistics(_) => "statistics",
            Self::Events(_) => "events",
            Self::Influx(_) => "influx",
            Self::Ltss(_) => "ltss",
        }
    }

    pub(crate) async fn open(&self) -> Result<Reader, ImportFailed> {
        Ok(match self {
            Self::Recorder(place) => Reader::Recorder(Box::new(Recorder::open(place).await?)),
            Self::Statistics(place) => Reader::Statistics(Statistics::open(place).await?),
            Self::Events(place) => Reader::Events(Events::open(place)?),
            Self::Influx(place) => Reader::Influx(Influx::open(place)?),
            Self::Ltss(place) => Reader::Ltss(Ltss::open(place).await?),
        })
    }
}

/// An open source.
pub(crate) enum Reader {
    Recorder(Box<Recorder>),
    Statistics(Statistics),
    Events(Events),
    Influx(Influx),
    Ltss(Ltss),
}

impl Reader {
    /// Where it reads from, without passwords.
    pub(crate) fn place(&self) -> &str {
        match self {
            Self::Recorder(recorder) => recorder.place(),
            Self::Statistics(statistics) => statistics.place(),
            Self::Events(events) => events.place(),
            Self::Influx(influx) => influx.place(),
            Self::Ltss(ltss) => ltss.place(),
        }
    }

    /// How much there is, in the measure in which pages say how far they are, and the position before the first row that can be wanted.
    pub(crate) async fn begin(
        &mut self,
        filter: &Filter,
        from: Option<&Position>,
    ) -> Result<(Position, u64), ImportFailed> {
        match self {
            Self::Recorder(recorder) => recorder.begin(filter, from).await,
            Self::Statistics(statistics) => statistics.begin(filter, from).await,
            Self::Events(events) => events.begin(from),
            Self::Influx(influx) => influx.begin(from),
            Self::Ltss(ltss) => ltss.begin(filter, from).await,
        }
    }

    /// The page after a position; none at the end.
    pub(crate) async fn page(
        &mut self,
        after: &Position,
        entities: &mut Entities,
    ) -> Result<Option<Page>, ImportFailed> {
        match self {
            Self::Recorder(recorder) => recorder.page(after, entities).await,
            Self::Statistics(statistics) => statistics.page(after, entities).await,
            Self::Events(events) => events.page(after, entities),
            Self::Influx(influx) => influx.page(after, entities),
            Self::Ltss(ltss) => ltss.page(after, entities).await,
        }
    }
}

/// A database by what a person gave: a path or an address.
pub(crate) fn database_url(place: &str, hint: &'static str) -> Result<DatabaseUrl, ImportFailed> {
    let wrong = |reason: String| ImportFailed::Place {
        // An address may have a password in it.
        text: place.split('@').next_back().unwrap_or_default().to_owned(),
        reason,
    };
    if place.starts_with("mysql") || place.starts_with("mariadb") {
        return Err(wrong(
            "MariaDB and MySQL are not read; docs/IMPORT.md has the way over a SQLite file"
                .to_owned(),
        ));
    }
    let url = if place.contains("://") {
        place.parse().map_err(wrong)?
    } else {
        DatabaseUrl::Sqlite(PathBuf::from(place))
    };
    if let DatabaseUrl::Sqlite(path) = &url {
        ImportFailed::unless_file(path, hint)?;
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_named_by_id_domain_or_beginning() {
        let filter = |wanted: &str| Filter {
            entities: vec![wanted.to_owned()],
            ..Filter::default()
        };
        for (wanted, yes, no) in [
            ("light.hall", "light.hall", "light.hall_2"),
            ("light", "light.hall", "lightning.x"),
            ("sensor.k*", "sensor.kitchen", "sensor.hall"),
        ] {
            assert!(filter(wanted).wants(yes), "{wanted}");
            assert!(!filter(wanted).wants(no), "{wanted}");
        }
        assert!(Filter::default().wants("light.hall"));
    }

    #[test]
    fn a_span_has_its_beginning_and_not_its_end() {
        let at = |micros| Some(UtcMicros::new(micros).unwrap());
        let filter = Filter {
            since: at(10),
            until: at(20),
            entities: Vec::new(),
        };
        let within = [9, 10, 19, 20].map(|at| filter.is_within(at));
        assert_eq!(within, [false, true, true, false]);
    }
}
