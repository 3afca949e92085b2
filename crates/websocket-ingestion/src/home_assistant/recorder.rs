//! What Home Assistant's recorder says of itself.

use common::instant::UtcMicros;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::calls::{CallFailed, Calls};
use super::history;

/// Entities in one question.
const ENTITIES: usize = 100;

/// Changes that it has not written yet; nothing where it does not say.
pub(crate) async fn backlog(calls: &Calls) -> Result<Option<u64>, CallFailed> {
    #[derive(Default, Deserialize)]
    struct Info {
        #[serde(default)]
        backlog: Option<u64>,
    }
    let info: Info = if_said(calls, "recorder/info").await?;
    Ok(info.backlog)
}

/// Ids of the entities that it keeps statistics of, some of which may be gone; none where it does not say.
pub(crate) async fn entities_with_statistics(calls: &Calls) -> Result<Vec<String>, CallFailed> {
    #[derive(Deserialize)]
    struct Statistic {
        statistic_id: String,
        #[serde(default)]
        source: String,
    }
    let list: Vec<Statistic> = match if_said(calls, "recorder/list_statistic_ids").await {
        Err(CallFailed::Timeout(_)) => Vec::new(),
        list => list?,
    };
    let own = list.into_iter().filter(|known| known.source == "recorder");
    Ok(own.map(|known| known.statistic_id).collect())
}

/// The answer to a command without which we can do, or nothing.
async fn if_said<T: DeserializeOwned + Default>(
    calls: &Calls,
    command: &'static str,
) -> Result<T, CallFailed> {
    let answer = match calls.call(json!({"type": command})).await {
        Ok(answer) => answer,
        Err(error @ (CallFailed::Disconnected | CallFailed::Timeout(_))) => return Err(error),
        Err(error) => {
            tracing::debug!(command, %error, "we do without the answer");
            return Ok(T::default());
        }
    };
    Ok(serde_json::from_str(answer.get()).unwrap_or_default())
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
