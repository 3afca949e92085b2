//! From pages to data-api: two lanes with one request each on its way, and the account of what was answered.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::api::events::IngestReply;
use common::retry::RetryPolicy;
use data_api_client::{CallFailed, DataApi};
use tokio::sync::mpsc;

use crate::page::Part;
use crate::position::Position;
use crate::progress::Progress;
use crate::report::Report;
use crate::source::What;

/// How long an import waits for a data-api that does not answer, before it gives up.
const PATIENCE: Duration = Duration::from_secs(120);
/// 507: the disk is full. Waiting does not help.
const DISK_FULL: u16 = 507;

/// One request that waits for its turn.
pub(crate) struct Waiting {
    page: u64,
    part: Part,
}

/// What was sent and answered so far.
pub(crate) struct Account {
    state: Mutex<Open>,
}

struct Open {
    /// Pages that were not answered whole, oldest first.
    pages: VecDeque<OpenPage>,
    /// Number of the oldest in `pages`.
    first: u64,
    position: Option<Position>,
    report: Report,
    progress: Progress,
}

struct OpenPage {
    parts_left: usize,
    position: Position,
    done: u64,
}

impl Account {
    pub(crate) fn new(report: Report, progress: Progress) -> Self {
        Self {
            state: Mutex::new(Open {
                pages: VecDeque::new(),
                first: 0,
                position: None,
                report,
                progress,
            }),
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Open) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes a page, before its parts are sent; its number.
    pub(crate) fn begin(
        &self,
        parts: usize,
        position: Position,
        done: u64,
        counted: impl FnOnce(&mut Report),
    ) -> u64 {
        self.with(|open| {
            counted(&mut open.report);
            open.pages.push_back(OpenPage {
                parts_left: parts,
                position,
                done,
            });
            let number = open.first + open.pages.len() as u64 - 1;
            open.settle();
            number
        })
    }

    fn answered(&self, page: u64, reply: &IngestReply) {
        self.with(|open| {
            open.report.stored += reply.stored as u64;
            open.report.duplicates += reply.duplicates as u64;
            for row in &reply.rejected {
                open.report.rejected.add(&row.reason, 1);
            }
            let behind = usize::try_from(page - open.first).unwrap_or(usize::MAX);
            if let Some(page) = open.pages.get_mut(behind) {
                page.parts_left = page.parts_left.saturating_sub(1);
            }
            open.settle();
        });
    }

    /// Behind the last page that was answered whole, and rows stored until now.
    pub(crate) fn position(&self) -> Option<(Position, u64)> {
        self.with(|open| Some((open.position.clone()?, open.report.stored)))
    }

    /// The end: what came of it all.
    pub(crate) fn close(self) -> Report {
        let open = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        open.progress.finish();
        open.report
    }
}

impl Open {
    fn settle(&mut self) {
        while self.pages.front().is_some_and(|page| page.parts_left == 0) {
            if let Some(page) = self.pages.pop_front() {
                self.first += 1;
                self.progress.advance(page.done, &self.report);
                self.position = Some(page.position);
            }
        }
    }
}

impl Waiting {
    pub(crate) fn new(page: u64, part: Part) -> Self {
        Self { page, part }
    }
}

/// Sends what comes, one after the other.
pub(crate) async fn lane(
    client: &DataApi,
    account: &Account,
    what: What,
    mut waiting: mpsc::Receiver<Waiting>,
) -> Result<(), CallFailed> {
    while let Some(Waiting { page, part }) = waiting.recv().await {
        let reply = deliver(client, what, part.body.into()).await?;
        account.answered(page, &reply);
    }
    Ok(())
}

/// Sends a body until it is answered, or data-api was away for too long, or says that this will never do.
async fn deliver(client: &DataApi, what: What, body: Bytes) -> Result<IngestReply, CallFailed> {
    match what {
        What::Changes => again(async || client.send_event_lines(body.clone()).await).await,
        What::Statistics => {
            let reply = again(async || client.send_statistic_lines(body.clone()).await).await?;
            Ok(IngestReply {
                received: reply.received,
                stored: reply.stored,
                duplicates: reply.duplicates,
                rejected: reply.rejected,
            })
        }
    }
}

/// Makes a call until it is answered, or data-api was away for too long, or says that this will never do.
pub(crate) async fn again<T>(
    call: impl AsyncFn() -> Result<T, CallFailed>,
) -> Result<T, CallFailed> {
    let begun = Instant::now();
    let mut delay = RetryPolicy::SIBLING.start();
    loop {
        let failure = match call().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let is_final = match &failure {
            CallFailed::KeyRefused | CallFailed::NoKey | CallFailed::UnreadableKey(_) => true,
            CallFailed::Refused { status, .. } if status.as_u16() == DISK_FULL => true,
            CallFailed::Refused { .. }
            | CallFailed::Unreachable { .. }
            | CallFailed::Unreadable(_) => !failure.may_pass_later(),
        };
        if is_final || begun.elapsed() > PATIENCE {
            return Err(failure);
        }
        tokio::time::sleep(delay.next_wait()).await;
    }
}
