//! What Home Assistant's recorder says of itself.

use common::instant::UtcMicros;
use serde::Deserialize;
use serde_json::json;

use super::calls::{CallFailed, Calls};
use super::history;

/// Entities in one question.
const ENTITIES: usize = 100;

/// Changes that it has not written yet; nothing where it does not say.
pub(crate) async fn backlog(calls: &Calls) -> Result<Option<u64>, CallFailed> {
    #[derive(Deserialize)]
    struct Info {
        #[serde(default)]
        backlog: Option<u64>,
    }
    match calls.call(json!({"type": "recorder/info"})).await {
        Ok(answer) => Ok(serde_json::from_str::<Info>(answer.get())?.backlog),
        Err(CallFailed::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Ids of the entities that it keeps statistics of, some of which may be gone; none where it does not say.
pub(crate) async fn entities_with_statistics(calls: &Calls) -> Result<Vec<String>, CallFailed> {
    #[derive(Deserialize)]
    struct Statistic {
        statistic_id: String,
        #[serde(default)]
        source: String,
    }
    let command = json!({"type": "recorder/list_statistic_ids"});
    let list: Vec<Statistic> = match calls.call(command).await {
        Ok(answer) => serde_json::from_str(answer.get())?,
        Err(CallFailed::Refused(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let own = list.into_iter().filter(|known| known.source == "recorder");
    Ok(own.map(|known| known.statistic_id).collect())
}

/// Whether it remembers how things stood at an instant: false where its history begins later.
pub(crate) async fn reaches(
    calls: &Calls,
    entity_ids: &[String],
    at: UtcMicros,
) -> Result<bool, CallFailed> {
    for some in entity_ids.chunks(ENTITIES) {
        let answer = match calls.call(history::standing(some, at)).await {
            Ok(answer) => answer,
            // A history that is only to be had over REST is not known to begin anywhere.
            Err(CallFailed::Refused(_)) => return Ok(true),
            Err(error) => return Err(error),
        };
        if !history::rows(answer.get())?.0.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether Home Assistant runs as it should and has no recorder.
pub(crate) async fn is_absent(calls: &Calls) -> Result<bool, CallFailed> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(default)]
        components: Vec<String>,
        #[serde(default)]
        recovery_mode: bool,
    }
    let answer = calls.call(json!({"type": "get_config"})).await?;
    let config: Config = serde_json::from_str(answer.get())?;
    Ok(!config.recovery_mode && !config.components.iter().any(|name| name == "recorder"))
}
