//! Commands on a connection: ids that increase, answers matched by id.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Sink, SinkExt};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::{self, Message as Frame};

use super::frame::{CommandError, Kind, Message};

/// Time for a goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallFailed {
    #[error("Home Assistant refused the command: {0}")]
    Refused(CommandError),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("the connection is gone")]
    Disconnected,
    #[error("the answer cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

type Answer = Result<Box<RawValue>, CommandError>;
type Writer = Pin<Box<dyn Sink<Frame, Error = tungstenite::Error> + Send>>;

/// The commands of one connection.
pub(crate) struct Calls {
    writer: tokio::sync::Mutex<(u64, Writer)>,
    pending: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    timeout: Duration,
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Calls {
    pub(crate) fn new(
        writer: impl Sink<Frame, Error = tungstenite::Error> + Send + 'static,
        timeout: Duration,
    ) -> Self {
        Self {
            writer: tokio::sync::Mutex::new((0, Box::pin(writer))),
            pending: Mutex::default(),
            timeout,
        }
    }

    /// Sends a command and waits for its answer.
    pub(crate) async fn call(&self, command: Value) -> Result<Box<RawValue>, CallFailed> {
        self.call_within(command, self.timeout).await
    }

    /// The same with another patience.
    pub(crate) async fn call_within(
        &self,
        mut command: Value,
        timeout: Duration,
    ) -> Result<Box<RawValue>, CallFailed> {
        let (answer, answered) = oneshot::channel();
        let id = {
            // Ids must reach the socket in increasing order, so they are given and sent under one lock.
            let mut writer = self.writer.lock().await;
            writer.0 += 1;
            let id = writer.0;
            command["id"] = json!(id);
            self.pending().insert(id, answer);
            let frame = Frame::text(command.to_string());
            let sent = tokio::time::timeout(timeout, writer.1.send(frame)).await;
            if !matches!(sent, Ok(Ok(()))) {
                self.pending().remove(&id);
                return Err(CallFailed::Disconnected);
            }
            id
        };
        match tokio::time::timeout(timeout, answered).await {
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(Ok(Err(error))) => Err(CallFailed::Refused(error)),
            Ok(Err(_)) => Err(CallFailed::Disconnected),
            Err(_) => {
                self.pending().remove(&id);
                Err(CallFailed::Timeout(timeout))
            }
        }
    }

    /// Hands an answer to whoever waits for it; nobody may, after a timeout.
    pub(crate) fn answer(&self, message: &Message<'_>) {
        let Some(waiting) = message.id.and_then(|id| self.pending().remove(&id)) else {
            return;
        };
        let answer = match (message.kind, &message.error) {
            (Kind::Pong, _) => Ok(null()),
            (_, Some(error)) => Err(error.clone()),
            _ if !message.success => Err(CommandError {
                code: "unknown".to_owned(),
                message: "no reason given".to_owned(),
            }),
            _ => Ok(message.result.map_or_else(null, ToOwned::to_owned)),
        };
        // The caller may have given up in this very moment.
        waiting.send(answer).ok();
    }

    /// Says goodbye, in a moment: a peer that is gone needs none, and one that does not read must not hold us up.
    pub(crate) async fn close(&self) {
        let mut writer = self.writer.lock().await;
        tokio::time::timeout(GOODBYE, writer.1.close()).await.ok();
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn null() -> Box<RawValue> {
    RawValue::from_string("null".to_owned()).expect("null is JSON")
}
