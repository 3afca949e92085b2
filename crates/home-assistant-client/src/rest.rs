//! One question over REST.

use reqwest::{Client, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::client::AskFailed;

/// Largest answer that is taken: the states of a large home have a few megabytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// Longest text of Home Assistant that is passed on, in characters.
const MAX_MESSAGE_CHARS: usize = 500;

pub(crate) async fn ask(
    http: &Client,
    method: Method,
    base: &Url,
    path: &[&str],
    token: &SecretString,
    body: Option<&Value>,
) -> Result<Value, AskFailed> {
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| AskFailed::Unreachable("it has no REST address".to_owned()))?
        .extend(path);
    let mut request = http.request(method, url).bearer_auth(token.expose_secret());
    if let Some(body) = body {
        request = request.json(body);
    }
    let mut response = request.send().await.map_err(|error| unreachable(&error))?;
    let status = response.status();
    let mut answer = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| unreachable(&error))?
    {
        if answer.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(AskFailed::Unreadable(format!(
                "it has more than {MAX_ANSWER_BYTES} bytes"
            )));
        }
        answer.extend_from_slice(&chunk);
    }
    match status {
        status if status.is_success() && answer.is_empty() => Ok(Value::Null),
        status if status.is_success() => serde_json::from_slice(&answer)
            .map_err(|error| AskFailed::Unreadable(error.to_string())),
        StatusCode::UNAUTHORIZED => Err(AskFailed::Refused {
            setting: "",
            reason: message(&answer),
        }),
        status => Err(AskFailed::Answered {
            code: status.as_str().to_owned(),
            message: message(&answer),
        }),
    }
}

/// What Home Assistant says of a refusal: `{"message": …}`, or plain text.
fn message(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let said = serde_json::from_slice::<Value>(answer)
        .ok()
        .and_then(|json| json["message"].as_str().map(str::to_owned));
    said.unwrap_or_else(|| text.trim().to_owned())
        .chars()
        .take(MAX_MESSAGE_CHARS)
        .collect()
}

/// Without the address, which may have names of the home in it.
fn unreachable(error: &reqwest::Error) -> AskFailed {
    if error.is_timeout() {
        return AskFailed::Unreachable("no answer in time".to_owned());
    }
    let mut text = "the request failed".to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    AskFailed::Unreachable(text)
}
