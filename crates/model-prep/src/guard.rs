//! One program at a time writes to a cache.

use std::fs::{File, TryLockError};
use std::time::Duration;

use models::Cache;

use crate::Failure;
use crate::progress::Teller;

const FILE: &str = "models.lock.guard";
/// Between two looks whether the other one has ended.
const LOOK: Duration = Duration::from_millis(200);

/// Held while a cache is written; the system lets go of it when this program ends, however that happens.
#[derive(Debug)]
pub(crate) struct Guard(#[expect(dead_code, reason = "held, not looked at")] File);

/// Waits until nobody else writes.
pub(crate) async fn take(cache: &Cache, teller: Teller) -> Result<Guard, Failure> {
    let folder = cache.path();
    let unwritable = |error: std::io::Error| Failure::writing(folder, &error);
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(FILE))
        .map_err(unwritable)?;
    let mut is_told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Guard(file)),
            Err(TryLockError::WouldBlock) => {
                if !is_told {
                    teller.say(&format!(
                        "another program prepares models in {}: waiting for it",
                        folder.display()
                    ));
                    is_told = true;
                }
                tokio::time::sleep(LOOK).await;
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
    }
}
