//! Stored rows as text for other programs: NDJSON or CSV, as they are or compressed. Nothing here knows of a database.

mod compressed;
mod text;

pub(crate) use compressed::{Compression, Sink};
pub(crate) use text::Writer;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// A JSON object in each line.
    #[default]
    Ndjson,
    /// RFC 4180 with a line of names.
    Csv,
}

/// One row, with its texts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExportRow<'a> {
    pub(crate) entity_id: &'a str,
    /// None: the entity was removed.
    pub(crate) state: Option<&'a str>,
    pub(crate) last_changed_us: i64,
    pub(crate) last_updated_us: i64,
    /// A JSON object in one line.
    pub(crate) attributes: Option<&'a str>,
    pub(crate) context_id: Option<&'a str>,
    pub(crate) context_parent_id: Option<&'a str>,
    pub(crate) context_user_id: Option<&'a str>,
    pub(crate) origin: &'static str,
    pub(crate) startup: bool,
}
