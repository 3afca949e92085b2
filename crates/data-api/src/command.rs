//! `data-api keys …` and the other commands: for a person at the machine, who has the database and needs no key.

mod backup;
mod salvage;

use std::fmt::Write as _;

use clap::{ArgMatches, FromArgMatches, Subcommand};
use common::api::keys::{ApiKey, NewKey, Scope};
use common::clock::Clock;
use common::instant::UtcMicros;
use common::lifecycle::Failure;
use secrecy::ExposeSecret;

use crate::config::Config;
use crate::keys;
use crate::store::Store;

/// What can be done to a store from the command line, in `data-api` and in `homeiq`.
pub fn commands() -> Vec<clap::Command> {
    vec![keys_command(), backup::command(), salvage::command()]
}

/// Does one of [`commands`]; the text to print.
///
/// # Errors
/// The database cannot be opened, or what was asked cannot be done; the text says why.
pub async fn run_command(
    name: &str,
    arguments: &ArgMatches,
    config: &Config,
) -> Result<String, Failure> {
    match name {
        backup::NAME => backup::run(arguments, config).await,
        salvage::NAME => salvage::run(arguments, config).await,
        "keys" => keys(arguments, config, &Clock::system()).await,
        _ => Err(format!("there is no command {name}").into()),
    }
}

/// `keys`, as a command of a program.
fn keys_command() -> clap::Command {
    KeysCommand::augment_subcommands(
        clap::Command::new("keys")
            .about("Make, list and revoke keys of data-api; where it runs, it takes the change over within seconds")
            .subcommand_required(true)
            .arg_required_else_help(true),
    )
}

/// Does what was asked of `keys`, on the database that the settings name; the text to print.
async fn keys(arguments: &ArgMatches, config: &Config, clock: &Clock) -> Result<String, Failure> {
    let command = KeysCommand::from_arg_matches(arguments)?;
    let store = Store::open(&config.database).await?;
    let done = command.run(&store, clock.now()).await;
    store.close().await;
    done
}

/// `keys …`.
#[derive(Subcommand)]
enum KeysCommand {
    /// Make a key and print it, this once
    Add {
        /// What you call it
        name: String,
        /// What it may be used for: read, ingest, admin
        #[arg(long = "scope", required = true, value_delimiter = ',')]
        scopes: Vec<Scope>,
        /// From when on it is refused, such as 2027-01-01T00:00:00Z
        #[arg(long)]
        expires: Option<UtcMicros>,
        /// Requests a minute; without it, as many as it likes
        #[arg(long)]
        rate_limit_per_min: Option<u32>,
    },
    /// List all keys, without the keys themselves
    List,
    /// Revoke a key for good
    Revoke {
        /// Its number, as `keys list` shows it
        id: i64,
    },
}

impl KeysCommand {
    async fn run(self, store: &Store, now: UtcMicros) -> Result<String, Failure> {
        match self {
            Self::Add {
                name,
                scopes,
                expires,
                rate_limit_per_min,
            } => {
                let wish = NewKey {
                    name,
                    scopes,
                    expires_at: expires,
                    rate_limit_per_min,
                };
                let (about, key) = keys::make(store, wish, now).await?;
                Ok(format!("{}\n{}", line(&about), key.expose_secret()))
            }
            Self::List => {
                let keys = store.keys().await?;
                let lines: Vec<_> = keys.iter().map(|key| line(&key.about)).collect();
                Ok(lines.join("\n"))
            }
            Self::Revoke { id } => {
                if !store.revoke_key(id, now).await? {
                    return Err(
                        format!("no key in use has the number {id}; see `keys list`").into(),
                    );
                }
                Ok(format!("revoked {id}"))
            }
        }
    }
}

/// `3  dashboard  read  made …  used …`
fn line(key: &ApiKey) -> String {
    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let mut line = format!(
        "{}  {}  {}  made {}",
        key.id,
        key.name,
        scopes.join(","),
        key.created_at
    );
    let told = [
        ("used", key.last_used),
        ("expires", key.expires_at),
        ("revoked", key.revoked_at),
    ];
    for (word, at) in told {
        if let Some(at) = at {
            // Writing to a String cannot fail.
            write!(line, "  {word} {at}").ok();
        }
    }
    if let Some(rate) = key.rate_limit_per_min {
        write!(line, "  at most {rate} requests a minute").ok();
    }
    line
}
