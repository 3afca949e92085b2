//! One import from its beginning to its report.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use data_api_client::DataApi;
use tokio::sync::mpsc;

use crate::entities::{Entities, LANES};
use crate::failure::ImportFailed;
use crate::page::Page;
use crate::position::{Position, State, StateFile};
use crate::progress::Progress;
use crate::report::Report;
use crate::sending::{Account, Waiting, again, lane};
use crate::source::{Filter, Reader, Source, What};

/// Requests that wait in a lane behind the one on its way.
const WAITING: usize = 2;
/// Between two writings of the state file.
const KEPT_EVERY: Duration = Duration::from_secs(1);

/// What is to be imported, and how.
#[derive(Debug, Clone)]
pub struct Import {
    /// From where.
    pub source: Source,
    /// Which rows.
    pub filter: Filter,
    /// Where data-api keeps it: its address or database. Part of what a position is of.
    pub destination: String,
    /// Where the position is kept.
    pub state_file: StateFile,
    /// Passes over a position that was kept.
    pub from_start: bool,
    /// Shows no progress.
    pub quiet: bool,
}

/// What came of it, and why it ended early, if it did.
#[derive(Debug)]
pub struct Outcome {
    /// The numbers until the end.
    pub report: Report,
    /// Why it ended early.
    pub failed: Option<ImportFailed>,
}

/// Reads everything that is wanted and sends it; without a client it only looks, and sends nothing.
///
/// # Errors
/// The source cannot be opened. What goes wrong later is part of the [`Outcome`].
pub async fn run(import: &Import, client: Option<&DataApi>) -> Result<Outcome, ImportFailed> {
    let begun = Instant::now();
    let mut reader = import.source.open().await?;
    let of = format!(
        "{} {} {:?} into {}",
        import.source.kind(),
        reader.place(),
        import.filter,
        import.destination
    );
    let state_path = import
        .state_file
        .path(import.source.kind(), &of)
        .filter(|_| client.is_some());
    let known = state_path.as_ref().filter(|_| !import.from_start);
    let known = known.and_then(|path| State::read(path, &of));
    let known = match (known, client) {
        (Some(state), Some(client)) => {
            // A data-api that has less than was sent to it has lost or removed it: everything is sent again.
            let has = again(async || client.event_stats("1h").await).await?;
            let is_there =
                import.source.what() != What::Changes || has.stored_events >= state.stored;
            is_there.then_some(state)
        }
        (known, _) => known,
    };
    let from = known.as_ref().map(|state| &state.position);
    let (begin, total) = reader.begin(&import.filter, from).await?;
    let report = Report {
        from: reader.place().to_owned(),
        to: import.destination.clone(),
        what: import.source.what().as_str(),
        dry_run: client.is_none(),
        resumed: from.is_some_and(|from| from.at == begin.at),
        ..Report::default()
    };
    let before = known.map_or(0, |state| state.stored);
    let keeper = Keeper {
        path: state_path,
        of,
        before,
    };
    let account = Account::new(report, Progress::new(total, import.quiet));
    let mut entities = Entities::new(import.filter.clone());
    let went = match client {
        Some(client) => {
            let what = import.source.what();
            send(
                &mut reader,
                begin,
                &mut entities,
                (client, what),
                &account,
                &keeper,
            )
            .await
        }
        None => look(&mut reader, begin, &mut entities, &account).await,
    };
    // What was answered for is kept, however it ended.
    let kept = keeper.keep(&account);
    let mut report = account.close();
    report.by_domain = entities.by_domain();
    report.entities = entities.with_rows();
    report.span = entities.span();
    report.took = begun.elapsed();
    Ok(Outcome {
        report,
        failed: went.and(kept).err(),
    })
}

/// Writes the state file.
struct Keeper {
    path: Option<PathBuf>,
    of: String,
    /// Rows stored by earlier runs.
    before: u64,
}

impl Keeper {
    fn keep(&self, account: &Account) -> Result<(), ImportFailed> {
        let (Some(path), Some((position, stored))) = (&self.path, account.position()) else {
            return Ok(());
        };
        let state = State {
            of: self.of.clone(),
            position,
            stored: self.before + stored,
        };
        state.write(path)
    }
}

/// Counts a page; its requests, one a lane, and its number.
fn account_for(page: Page, account: &Account) -> (u64, Vec<(usize, crate::page::Part)>) {
    let Page {
        parts,
        read,
        left_out,
        rejected,
        without_attributes,
        position,
        done,
    } = page;
    let parts: Vec<_> = parts
        .into_iter()
        .enumerate()
        .filter(|(_, part)| part.rows > 0)
        .collect();
    let number = account.begin(parts.len(), position, done, |report| {
        report.read += read;
        report.left_out += left_out;
        report.rejected.absorb(&rejected);
        report.without_attributes += without_attributes;
    });
    (number, parts)
}

/// Reads and sends at the same time.
async fn send(
    reader: &mut Reader,
    begin: Position,
    entities: &mut Entities,
    (client, what): (&DataApi, What),
    account: &Account,
    keeper: &Keeper,
) -> Result<(), ImportFailed> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..LANES)
        .map(|_| mpsc::channel::<Waiting>(WAITING))
        .unzip();
    let reading = async {
        let mut position = begin;
        let mut kept = Instant::now();
        while let Some(page) = reader.page(&position, entities).await? {
            position = page.position.clone();
            let (number, parts) = account_for(page, account);
            for (of_lane, part) in parts {
                // A lane that is gone has failed, and its failure ends all of this.
                drop(senders[of_lane].send(Waiting::new(number, part)).await);
            }
            if kept.elapsed() > KEPT_EVERY {
                kept = Instant::now();
                keeper.keep(account)?;
            }
        }
        drop(senders);
        Ok::<_, ImportFailed>(())
    };
    let mut lanes = receivers.into_iter().map(|waiting| async {
        lane(client, account, what, waiting)
            .await
            .map_err(ImportFailed::from)
    });
    let (Some(first), Some(second)) = (lanes.next(), lanes.next()) else {
        unreachable!("there are two lanes");
    };
    tokio::try_join!(reading, first, second)?;
    Ok(())
}

/// Reads and sends nothing.
async fn look(
    reader: &mut Reader,
    begin: Position,
    entities: &mut Entities,
    account: &Account,
) -> Result<(), ImportFailed> {
    let mut position = begin;
    while let Some(mut page) = reader.page(&position, entities).await? {
        position = page.position.clone();
        let rows = page.parts.iter().map(|part| part.rows).sum::<u64>();
        page.parts = Default::default();
        account.begin(0, page.position.clone(), page.done, |report| {
            report.read += page.read;
            report.left_out += page.left_out;
            report.rejected.absorb(&page.rejected);
            report.without_attributes += page.without_attributes;
            report.stored += rows;
        });
    }
    Ok(())
}
