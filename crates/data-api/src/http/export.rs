//! Everything that is stored, as a stream of text for other programs.

use std::collections::VecDeque;
use std::io;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use common::http::problem::Problem;
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::IntoParams;

use super::instant::QueryInstant;
use super::query_list::{QueryList, parts};
use super::{Api, store_problem};
use crate::export::{Compression, Format, Sink, Writer};
use crate::store::{EventFilter, ExportPart, ExportTexts, Store, StoreFailure};

/// Exports at the same time.
pub(super) const MAX_EXPORTS: usize = 2;
/// Entities that may be named.
const MAX_ENTITIES: usize = 500;
/// Rows that are read at once.
const ROWS_OF_A_PART: u32 = 10_000;
/// Bytes of text that are written and compressed at once.
const PIECE_BYTES: usize = 256 * 1024;

/// What to export, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportParams {
    /// `ndjson` (the default) or `csv`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
    /// `none` (the default), `gzip` or `zstd`.
    #[serde(default)]
    #[param(inline)]
    compression: Compression,
    /// `false` leaves attributes out, which are most of the bytes.
    attributes: Option<bool>,
    /// At or after this instant (ISO 8601).
    #[serde(alias = "start_time")]
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<QueryInstant>,
    /// At or before this instant (ISO 8601).
    #[serde(alias = "end_time")]
    #[param(value_type = Option<String>, format = DateTime)]
    end: Option<QueryInstant>,
    /// Events of these entities, at most 500: repeat the parameter, or put commas between them.
    #[param(value_type = Option<Vec<String>>, explode = true)]
    entity_id: Option<String>,
    /// Events of entities of this domain.
    domain: Option<String>,
    /// Events of the entities of this device.
    device_id: Option<String>,
    /// Events of the entities in this area.
    area_id: Option<String>,
    /// `security`, `climate`, `lighting`, `appliance`, `monitoring` or `general`.
    event_category: Option<String>,
}

/// All state changes that pass, as NDJSON or CSV: entity after entity, each from its oldest change to its newest.
///
/// The answer is a stream of any length, written as it is read. If something fails after it has begun, the connection is cut before the
/// end of the body, which every HTTP client reports as an error: a body that ended as it should is whole. What is stored while the export
/// runs may be in it or not.
#[utoipa::path(get, path = "/api/v1/events/export", tag = "events", params(ExportParams), security(("key" = [])),
    responses((status = 200, description = "The rows", content(
        (String = "application/x-ndjson"), (String = "text/csv"), (Vec<u8> = "application/gzip"), (Vec<u8> = "application/zstd"))),
        (status = 422, description = "A parameter is out of bounds"),
        (status = 503, description = "As many exports as may run are running")))]
pub(super) async fn export(
    State(api): State<Api>,
    QueryList(params): QueryList<ExportParams>,
) -> Result<Response, Problem> {
    let (start, end) = (params.start.map(|at| at.0), params.end.map(|at| at.0));
    if start.zip(end).is_some_and(|(start, end)| start > end) {
        return Err(Problem::query("start", "lies after end"));
    }
    let entity_ids = parts(params.entity_id.as_deref());
    if entity_ids.len() > MAX_ENTITIES {
        return Err(Problem::query(
            "entity_id",
            format!("want at most {MAX_ENTITIES} entities"),
        ));
    }
    let permit = api.exports.clone().try_acquire_owned().map_err(|_| {
        Problem::Unavailable(format!(
            "{MAX_EXPORTS} exports are running: try again when one has ended"
        ))
    })?;
    let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let mut filter = EventFilter {
        device_id: said(&params.device_id),
        area_id: said(&params.area_id),
        event_category: said(&params.event_category),
        ..EventFilter::default()
    };
    let domain = said(&params.domain);
    let mut entities = VecDeque::new();
    if entity_ids.is_empty() {
        let all = api.store.entities_to_export(&filter, domain.as_deref());
        entities.extend(all.await.map_err(store_problem)?);
    }
    for entity_id in entity_ids {
        filter.entity_id = Some(entity_id.to_owned());
        let one = api.store.entities_to_export(&filter, domain.as_deref());
        for entity in one.await.map_err(store_problem)? {
            if !entities.contains(&entity) {
                entities.push_back(entity);
            }
        }
    }
    let with_attributes = params.attributes.unwrap_or(true);
    let writer = Writer::new(params.format, with_attributes);
    let export = Export {
        store: api.store.clone(),
        stopping: api.closing.clone(),
        end: end.map_or(i64::MAX, common::instant::UtcMicros::get),
        start: start.map_or(i64::MIN, common::instant::UtcMicros::get),
        next_at: start.map_or(i64::MIN, common::instant::UtcMicros::get),
        entities,
        with_attributes,
        pages: Some(Pages {
            head: Some(writer.head()),
            writer,
            sink: Sink::new(params.compression).map_err(|_| Problem::Internal)?,
            texts: ExportTexts::default(),
            part: ExportPart::default(),
        }),
        written: 0,
        known: 0,
        _permit: permit,
    };
    let body = Body::from_stream(stream::try_unfold(export, Export::next));
    let mut response = body.into_response();
    let (kind, name) = name_of(params.format, params.compression);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(response)
}

/// Type and name of the file.
fn name_of(format: Format, compression: Compression) -> (&'static str, &'static str) {
    match (compression, format) {
        (Compression::None, Format::Ndjson) => (
            "application/x-ndjson",
            "attachment; filename=\"homeiq-events.ndjson\"",
        ),
        (Compression::None, Format::Csv) => (
            "text/csv; charset=utf-8",
            "attachment; filename=\"homeiq-events.csv\"",
        ),
        (Compression::Gzip, Format::Ndjson) => (
            "application/gzip",
            "attachment; filename=\"homeiq-events.ndjson.gz\"",
        ),
        (Compression::Gzip, Format::Csv) => (
            "application/gzip",
            "attachment; filename=\"homeiq-events.csv.gz\"",
        ),
        (Compression::Zstd, Format::Ndjson) => (
            "application/zstd",
            "attachment; filename=\"homeiq-events.ndjson.zst\"",
        ),
        (Compression::Zstd, Format::Csv) => (
            "application/zstd",
            "attachment; filename=\"homeiq-events.csv.zst\"",
        ),
    }
}

/// An export under way.
struct Export {
    store: Store,
    stopping: tokio_util::sync::CancellationToken,
    start: i64,
    end: i64,
    /// The entity of the part is the first.
    entities: VecDeque<(i64, String)>,
    /// Where the next part of that entity begins.
    next_at: i64,
    with_attributes: bool,
    /// None once the last piece is out.
    pages: Option<Pages>,
    /// Rows of the part that are written, and up to which row texts are there.
    written: usize,
    known: usize,
    _permit: OwnedSemaphorePermit,
}

/// What moves to the thread that writes and compresses.
struct Pages {
    head: Option<&'static str>,
    writer: Writer,
    sink: Sink,
    texts: ExportTexts,
    part: ExportPart,
}

impl Export {
    /// The next piece of the body; none after the last.
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        let piece = self.piece().await.inspect_err(|error| {
            tracing::error!(%error, "an export ended early; its connection is cut, so that nobody takes it for whole");
        })?;
        Ok(piece.map(|piece| (piece, self)))
    }

    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if self.stopping.is_cancelled() {
                return Err(io::Error::other("the service stops"));
            }
            let Some(mut pages) = self.pages.take() else {
                return Ok(None);
            };
            if self.written == pages.part.len() && !self.read_part(&mut pages).await? {
                let last = tokio::task::spawn_blocking(move || pages.finish()).await??;
                return Ok(Some(last.into()));
            }
            if self.written == self.known {
                self.known = self
                    .store
                    .learn_texts(
                        &pages.part,
                        self.known,
                        self.with_attributes,
                        &mut pages.texts,
                    )
                    .await
                    .map_err(io::Error::other)?;
            }
            let entity_id = self
                .entities
                .front()
                .map_or_else(String::new, |(_, entity_id)| entity_id.clone());
            let rows = self.written..self.known;
            let (pages, written, piece) =
                tokio::task::spawn_blocking(move || pages.write(rows, &entity_id)).await??;
            self.written = written;
            self.pages = Some(pages);
            if !piece.is_empty() {
                return Ok(Some(piece.into()));
            }
        }
    }

    /// Reads the next rows; false when there are no more.
    async fn read_part(&mut self, pages: &mut Pages) -> io::Result<bool> {
        while let Some((entity, _)) = self.entities.front() {
            let part = self
                .store
                .export_part(*entity, self.next_at, self.end, ROWS_OF_A_PART)
                .await
                .map_err(|failure: StoreFailure| io::Error::other(failure))?;
            if let Some(last) = part.last_at() {
                self.next_at = last + 1;
                (self.written, self.known) = (0, 0);
                pages.part = part;
                return Ok(true);
            }
            self.entities.pop_front();
            self.next_at = self.start;
        }
        Ok(false)
    }
}

impl Pages {
    fn write(
        mut self,
        rows: std::ops::Range<usize>,
        entity_id: &str,
    ) -> io::Result<(Self, usize, Vec<u8>)> {
        let mut out = Vec::with_capacity(PIECE_BYTES + 4096);
        out.extend_from_slice(self.head.take().unwrap_or_default().as_bytes());
        let written = self.part.write(
            rows,
            entity_id,
            &self.texts,
            &mut self.writer,
            &mut out,
            PIECE_BYTES,
        );
        let ready = self.sink.write(out)?;
        Ok((self, written, ready))
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        let head = self.head.take().unwrap_or_default();
        let mut last = self.sink.write(head.as_bytes().to_vec())?;
        last.extend(self.sink.finish()?);
        Ok(last)
    }
}
