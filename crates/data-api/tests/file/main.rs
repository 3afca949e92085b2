//! data-api and its SQLite file: backups, damage, sudden ends, full disks. What is stored and served is tested in `tests/it`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall stop where it is"
)]

mod backup;
mod disk;
mod disk_full;
#[path = "../it/home.rs"]
#[expect(dead_code, reason = "it has what other tests need")]
mod home;
mod program;
mod salvage;
mod sudden_end;
