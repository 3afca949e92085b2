//! What a data-api has exported (`GET /api/v1/events/export`, NDJSON): how a store moves to another database or machine.

use common::api::export::ExportedEvent;
use common::instant::UtcMicros;
use serde_json::value::RawValue;

use crate::entities::Entities;
use crate::failure::ImportFailed;
use crate::line::{Change, Id};
use crate::lines::Lines;
use crate::page::Page;
use crate::position::Position;

const HINT: &str = "It is a file that `GET /api/v1/events/export?format=ndjson` of a data-api has written, plain or packed";

/// An open export.
pub(crate) struct Events(Lines);

impl Events {
    /// Opens it.
    pub(crate) fn open(place: &str) -> Result<Self, ImportFailed> {
        Lines::open(place, HINT).map(Self)
    }

    pub(crate) fn place(&self) -> &str {
        self.0.place()
    }

    /// See [`crate::source::Reader::begin`].
    pub(crate) fn begin(
        &mut self,
        from: Option<&Position>,
    ) -> Result<(Position, u64), ImportFailed> {
        self.0.begin(from)
    }

    /// See [`crate::source::Reader::page`].
    pub(crate) fn page(
        &mut self,
        after: &Position,
        entities: &mut Entities,
    ) -> Result<Option<Page>, ImportFailed> {
        self.0.page(after, entities, |_| true, push)
    }
}

fn push(page: &mut Page, entities: &mut Entities, text: &str) {
    let Ok(exported) = serde_json::from_str::<ExportedEvent<'_>>(text) else {
        return page.rejected.add("not a line of an export in NDJSON", 1);
    };
    let attributes = match exported.attributes.map(RawValue::get) {
        None | Some("{}" | "null") => None,
        Some(object) if object.starts_with('{') => Some(object),
        Some(_) => {
            page.without_attributes += 1;
            None
        }
    };
    let ids = [
        &exported.context_id,
        &exported.context_parent_id,
        &exported.context_user_id,
    ];
    let [context, parent, user] = ids.map(|id| id.as_deref().map(Id::Text));
    let number = entities.number(&exported.entity_id);
    let change = Change {
        entity: &entities.get(number).json.clone(),
        state: exported.state.as_deref(),
        attributes,
        last_changed: exported
            .last_changed
            .filter(|changed| *changed < exported.last_updated)
            .map(UtcMicros::get),
        last_updated: exported.last_updated.get(),
        context,
        parent,
        user,
        origin: exported.origin,
        is_startup: exported.startup,
    };
    page.push(entities, number, &change);
}
