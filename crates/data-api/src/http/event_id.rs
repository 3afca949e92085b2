//! The event of an id, in each of the three forms that clients have.

use common::api::events::Event;
use common::entity::EntityId;
use common::http::problem::Problem;
use common::instant::UtcMicros;

use super::trace::{self, Span};
use super::{Api, store_problem};
use crate::context;
use crate::store::EventFilter;

/// How far the float of an old id may lie beside the instant, in microseconds.
const FLOAT_ERROR_US: i64 = 1_000;
/// Seconds after the making of a context in which its first event is looked for, in steps: most come at once.
const FIRST_EVENT_WITHIN: [i64; 3] = [5, 120, 1_800];
/// Seconds back from now in which the events of a context are looked for whose id does not say when it was made.
const RECENT_SECONDS: i64 = 86_400;

/// The event of this id.
pub(super) async fn find(api: &Api, id: &str) -> Result<Event, Problem> {
    let found = match parse(id) {
        Form::Ours(entity_id, at) => api
            .store
            .event(entity_id, at)
            .await
            .map_err(store_problem)?,
        Form::Old(candidates, at) => first_of(api, &candidates, at).await?,
        Form::Context => of_context(api, id).await?,
    };
    found.ok_or_else(|| Problem::not_found(format!("Event {id} not found")))
}

#[derive(Debug, PartialEq, Eq)]
enum Form<'a> {
    /// `<entity_id>@<microseconds>`.
    Ours(&'a str, UtcMicros),
    /// `event_<unix seconds>_<entity id>`, in which every `_` may stand for the dot.
    Old(Vec<String>, UtcMicros),
    /// Anything else.
    Context,
}

fn parse(id: &str) -> Form<'_> {
    if let Some((entity_id, micros)) = id.rsplit_once('@')
        && let Some(at) = micros.parse().ok().and_then(|us| UtcMicros::new(us).ok())
    {
        return Form::Ours(entity_id, at);
    }
    if let Some((seconds, entity)) = id.strip_prefix("event_").and_then(|r| r.split_once('_'))
        && let Some(at) = seconds
            .parse()
            .ok()
            .and_then(|seconds| UtcMicros::from_history_seconds(seconds).ok())
    {
        let candidates = if entity.contains('.') {
            vec![entity.to_owned()]
        } else {
            // The domain may have an underscore itself, and so has nearly every object id.
            entity
                .match_indices('_')
                .map(|(at, _)| format!("{}.{}", &entity[..at], &entity[at + 1..]))
                .filter(|candidate| candidate.parse::<EntityId>().is_ok())
                .take(8)
                .collect()
        };
        return Form::Old(candidates, at);
    }
    Form::Context
}

async fn first_of(
    api: &Api,
    candidates: &[String],
    at: UtcMicros,
) -> Result<Option<Event>, Problem> {
    for entity_id in candidates {
        let asked = EventFilter {
            entity_id: Some(entity_id.clone()),
            start: Some(at.plus_micros(-FLOAT_ERROR_US)),
            end: Some(at.plus_micros(FLOAT_ERROR_US)),
            limit: 100,
            ..EventFilter::default()
        };
        let page = api.store.events(&asked).await.map_err(store_problem)?;
        let nearest = page
            .events
            .into_iter()
            .min_by_key(|event| event.timestamp.get().abs_diff(at.get()));
        if nearest.is_some() {
            return Ok(nearest);
        }
    }
    Ok(None)
}

/// The first event of a context.
async fn of_context(api: &Api, id: &str) -> Result<Option<Event>, Problem> {
    let now = api.clock.now();
    let spans: Vec<Span> = match context::made_at(id) {
        Some(made) => FIRST_EVENT_WITHIN
            .iter()
            .map(|seconds| Span::new(made.plus_seconds(-1), made.plus_seconds(*seconds)))
            .collect(),
        None => vec![Span::new(now.plus_seconds(-RECENT_SECONDS), now)],
    };
    for span in spans {
        let events = trace::around(api, &[span]).await?;
        let first = events
            .into_iter()
            .filter(|event| event.context_id.as_deref() == Some(id))
            .min_by_key(|event| event.timestamp);
        if let Some(first) = first {
            // Read again, as the rows that were looked through came without attributes.
            let whole = api.store.event(&first.entity_id, first.timestamp).await;
            return whole.map_err(store_problem);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_ids_are_read_with_every_place_for_the_dot() {
        let Form::Old(candidates, at) = parse("event_1795421580.2118065_binary_sensor_front_door")
        else {
            unreachable!("an old id");
        };
        assert_eq!(at.get(), 1_795_421_580_211_807);
        assert_eq!(
            candidates,
            [
                "binary.sensor_front_door",
                "binary_sensor.front_door",
                "binary_sensor_front.door"
            ]
        );
        assert_eq!(
            parse("event_1_light.a_b"),
            Form::Old(
                vec!["light.a_b".to_owned()],
                UtcMicros::new(1_000_000).unwrap()
            )
        );
        for other in ["event_x_light_a", "event_1", "event_", "", "light.a@x", "ä"] {
            assert_eq!(parse(other), Form::Context, "{other}");
        }
        assert_eq!(parse("event_nan_light_a"), Form::Context);
    }
}
