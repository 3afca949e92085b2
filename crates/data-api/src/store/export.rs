//! Rows of one entity for an export: whole ranges, as they stand in the table, with the texts that their ids stand for.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use common::api::events::Origin;
use database::{Engine, Statement};

use super::{EventFilter, Store, StoreFailure, attributes, context_key, contexts, filter, ingest};
use crate::export::{ExportRow, Writer};
use crate::hex;

/// Most ids in one statement.
const IDS_OF_A_STATEMENT: usize = 500;
/// Bytes of attribute sets in memory, beyond which they are forgotten.
const ATTRIBUTES_BYTES: usize = 8 * 1024 * 1024;
/// Shared contexts in memory, beyond which they are forgotten.
const MOST_CONTEXTS: usize = 10_000;

/// SQLite hands over many rows as one text: `last_updated_us,unchanged_us,attributes,flags,context,parent` (contexts in hex), then the state
/// as in a history: `=` with its length in bytes, `:` and the state, `#`, its id and `;`, or `!`.
const SQLITE_PART: &str = "SELECT group_concat(t, '') FROM (SELECT concat(last_updated_us, ',', unchanged_us, ',', attributes, ',', flags, \
     ',', hex(context), ',', hex(context_parent), CASE typeof(state) WHEN 'text' THEN concat('=', octet_length(state), ':', state) \
     WHEN 'integer' THEN concat('#', state, ';') ELSE '!' END) AS t FROM events WHERE entity = $1 AND last_updated_us BETWEEN $2 AND $3 \
     ORDER BY last_updated_us LIMIT $4)";
const POSTGRES_PART: &str = "SELECT last_updated_us, unchanged_us, attributes, flags, context, context_parent, state FROM events \
     WHERE entity = $1 AND last_updated_us BETWEEN $2 AND $3 ORDER BY last_updated_us LIMIT $4";

/// Rows of one entity, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Part {
    text: String,
    rows: Vec<Raw>,
}

#[derive(Debug)]
struct Raw {
    at: i64,
    unchanged: i64,
    attributes: Option<i64>,
    flags: i64,
    context: Range<usize>,
    context_parent: Range<usize>,
    state: RawState,
}

#[derive(Debug)]
enum RawState {
    Text(Range<usize>),
    Id(i64),
    Removed,
}

/// The texts that ids stand for, kept from part to part.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    states: HashMap<i64, Arc<str>>,
    users: HashMap<i64, Arc<str>>,
    attributes: HashMap<i64, Arc<str>>,
    attributes_bytes: usize,
    /// Contexts that several rows share, as bytes.
    contexts: HashMap<i64, Vec<u8>>,
}

impl Store {
    /// The entities that pass, as `(id, entity_id)`, in the order of the table.
    pub(crate) async fn entities_to_export(
        &self,
        asked: &EventFilter,
        domain: Option<&str>,
    ) -> Result<Vec<(i64, String)>, StoreFailure> {
        let statement = Statement::new("SELECT n.id, n.entity_id FROM event_entities n WHERE true");
        let statement = filter::entities(statement, " AND n.id", asked)
            .bind_some(" AND n.domain = ", domain)
            .push(" ORDER BY n.id");
        let rows = self.database.fetch_all(statement).await?;
        rows.iter()
            .map(|row| Ok((row.get(0)?, row.get(1)?)))
            .collect()
    }

    /// Rows of an entity from `start` to `end`, inclusive, at most `limit`.
    pub(crate) async fn export_part(
        &self,
        entity: i64,
        start: i64,
        end: i64,
        limit: u32,
    ) -> Result<Part, StoreFailure> {
        let asked = [entity.into(), start.into(), end.into(), limit.into()];
        match &self.database.engine {
            Engine::Sqlite(_) => {
                let row = self
                    .database
                    .fetch_one(Statement::with(SQLITE_PART, asked))
                    .await?;
                Part::parse(row.get::<Option<String>>(0)?.unwrap_or_default()).ok_or_else(|| {
                    StoreFailure::Statement(sqlx::Error::Decode(
                        "rows of an export do not have the form that was asked for".into(),
                    ))
                })
            }
            Engine::Postgres(_) => {
                let rows = self
                    .database
                    .fetch_all(Statement::with(POSTGRES_PART, asked))
                    .await?;
                let mut part = Part::default();
                for row in &rows {
                    let raw = Raw {
                        at: row.get(0)?,
                        unchanged: row.get(1)?,
                        attributes: row.get(2)?,
                        flags: row.get(3)?,
                        context: part.keep_bytes(row.get(4)?),
                        context_parent: part.keep_bytes(row.get(5)?),
                        state: row
                            .get::<Option<String>>(6)?
                            .map_or(RawState::Removed, |state| RawState::Text(part.keep(&state))),
                    };
                    part.rows.push(raw);
                }
                Ok(part)
            }
        }
    }

    /// Reads the texts for rows of a part from `from` on; up to which row they are there. It stops where more attribute sets are unknown
    /// than one statement asks for, so that few are in memory at a time.
    pub(crate) async fn learn_texts(
        &self,
        part: &Part,
        from: usize,
        with_attributes: bool,
        texts: &mut Texts,
    ) -> Result<usize, StoreFailure> {
        if texts.attributes_bytes > ATTRIBUTES_BYTES {
            texts.attributes.clear();
            texts.attributes_bytes = 0;
        }
        if texts.contexts.len() > MOST_CONTEXTS {
            texts.contexts.clear();
        }
        let (mut states, mut users, mut sets) = (Vec::new(), Vec::new(), Vec::new());
        let mut shared = HashSet::new();
        let mut until = from;
        for raw in &part.rows[from..] {
            if sets.len() == IDS_OF_A_STATEMENT
                || states.len() == IDS_OF_A_STATEMENT
                || shared.len() >= IDS_OF_A_STATEMENT
            {
                break;
            }
            for range in [&raw.context, &raw.context_parent] {
                if let Some(id) = part.shared_id(range)
                    && !texts.contexts.contains_key(&id)
                {
                    shared.insert(id);
                }
            }
            if let RawState::Id(id) = raw.state
                && !texts.states.contains_key(&id)
                && !states.contains(&id)
            {
                states.push(id);
            }
            let user = raw.flags >> ingest::USER_SHIFT;
            if user > 0 && !texts.users.contains_key(&user) && !users.contains(&user) {
                users.push(user);
            }
            if let Some(id) = raw.attributes.filter(|_| with_attributes)
                && !texts.attributes.contains_key(&id)
                && sets.last() != Some(&id)
            {
                sets.push(id);
            }
            until += 1;
        }
        self.read_texts(
            "SELECT id, state FROM event_states WHERE id IN (",
            &states,
            &mut texts.states,
        )
        .await?;
        self.read_texts(
            "SELECT id, user_id FROM event_users WHERE id IN (",
            &users,
            &mut texts.users,
        )
        .await?;
        for (number, mut text) in attributes::texts(&self.database, sets).await? {
            // JSON may be spread over lines; a row of an export is one.
            if text.contains(['\n', '\r']) {
                text = text.replace(['\n', '\r'], " ");
            }
            texts.attributes_bytes += text.len();
            texts.attributes.insert(number, text.into());
        }
        let shared = contexts::read(&self.database, shared).await?;
        texts.contexts.extend(shared);
        Ok(until)
    }

    async fn read_texts(
        &self,
        select: &'static str,
        ids: &[i64],
        into: &mut HashMap<i64, Arc<str>>,
    ) -> Result<(), StoreFailure> {
        for part in ids.chunks(IDS_OF_A_STATEMENT) {
            let statement = Statement::new(select).list(part.iter().copied()).push(")");
            for row in self.database.fetch_all(statement).await? {
                into.insert(row.get(0)?, row.get::<String>(1)?.into());
            }
        }
        Ok(())
    }
}

impl Part {
    /// How many rows it has.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The instant of the last row.
    pub(crate) fn last_at(&self) -> Option<i64> {
        self.rows.last().map(|row| row.at)
    }

    fn keep(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    /// The id of the context that these hexadecimal digits refer to, if they do.
    fn shared_id(&self, range: &Range<usize>) -> Option<i64> {
        // A reference has nine bytes at most, and begins with the byte 4.
        let digits = self
            .text
            .get(range.clone())
            .filter(|digits| digits.len() <= 18 && digits.starts_with("04"))?;
        context_key::shared_id(&hex::decode(digits)?)
    }

    fn keep_bytes(&mut self, bytes: Option<Vec<u8>>) -> Range<usize> {
        self.keep(&hex::encode(&bytes.unwrap_or_default()))
    }

    /// Writes rows `from` to `until` (not included) until `out` has `bytes`; the first row that is not written.
    pub(crate) fn write(
        &self,
        rows: Range<usize>,
        entity_id: &str,
        texts: &Texts,
        writer: &mut Writer,
        out: &mut Vec<u8>,
        bytes: usize,
    ) -> usize {
        let mut next = rows.start;
        for raw in &self.rows[rows] {
            if out.len() >= bytes {
                break;
            }
            let key = |range: &Range<usize>| {
                hex::decode(&self.text[range.clone()])
                    .filter(|bytes| !bytes.is_empty())
                    .and_then(|bytes| contexts::id(&bytes, raw.at, &texts.contexts))
            };
            let (context, parent) = (key(&raw.context), key(&raw.context_parent));
            let text = |texts: &'_ HashMap<i64, Arc<str>>, id: i64| texts.get(&id).cloned();
            let (state_of_id, user) = (
                match raw.state {
                    RawState::Id(id) => text(&texts.states, id),
                    _ => None,
                },
                text(&texts.users, raw.flags >> ingest::USER_SHIFT),
            );
            let row = ExportRow {
                entity_id,
                state: match &raw.state {
                    RawState::Text(range) => Some(&self.text[range.clone()]),
                    RawState::Id(_) => state_of_id.as_deref(),
                    RawState::Removed => None,
                },
                last_changed_us: raw.at - raw.unchanged,
                last_updated_us: raw.at,
                attributes: raw
                    .attributes
                    .and_then(|id| texts.attributes.get(&id))
                    .map(|text| &**text),
                context_id: context.as_deref(),
                context_parent_id: parent.as_deref(),
                context_user_id: user.as_deref(),
                origin: match ingest::origin(raw.flags) {
                    Origin::Live => "live",
                    Origin::Backfill => "backfill",
                    Origin::Import => "import",
                },
                startup: raw.flags & ingest::STARTUP != 0,
            };
            writer.row(row, out);
            next += 1;
        }
        next
    }

    /// The rows of [`SQLITE_PART`]; none when it has another form.
    fn parse(text: String) -> Option<Self> {
        let bytes = text.as_bytes();
        let mut rows = Vec::with_capacity(text.len() / 40);
        let mut at = 0;
        let field = |at: &mut usize| {
            let start = *at;
            while !matches!(*bytes.get(*at)?, b',' | b'=' | b'#' | b'!') {
                *at += 1;
            }
            Some(start..*at)
        };
        while at < bytes.len() {
            let mut next = |is_last: bool| {
                let range = field(&mut at)?;
                at += usize::from(!is_last);
                Some(range)
            };
            let number = |range: Range<usize>| text.get(range)?.parse::<i64>().ok();
            let (when, unchanged) = (number(next(false)?)?, number(next(false)?)?);
            let attributes = next(false)?;
            let flags = number(next(false)?)?;
            let (context, context_parent) = (next(false)?, next(true)?);
            let kind = bytes[at];
            at += 1;
            let state = match kind {
                b'=' => {
                    let colon = at + text.get(at..)?.find(':')?;
                    let length: usize = text[at..colon].parse().ok()?;
                    at = colon + 1 + length;
                    text.get(colon + 1..at)?;
                    RawState::Text(colon + 1..at)
                }
                b'#' => {
                    let end = at + text.get(at..)?.find(';')?;
                    let id = number(at..end)?;
                    at = end + 1;
                    RawState::Id(id)
                }
                b'!' => RawState::Removed,
                _ => return None,
            };
            rows.push(Raw {
                at: when,
                unchanged,
                attributes: if attributes.is_empty() {
                    None
                } else {
                    Some(number(attributes)?)
                },
                flags,
                context,
                context_parent,
                state,
            });
        }
        // The order of an aggregate is a habit of the database, not its promise.
        if !rows.is_sorted_by_key(|row| row.at) {
            rows.sort_by_key(|row| row.at);
        }
        Some(Self { text, rows })
    }
}
