//! The words of the command line: those of `model-prep`, and of `homeiq models`.

use clap::{ArgMatches, FromArgMatches, Subcommand};
use models::Manifest;

use crate::settings::ALL;
use crate::{Settings, Teller, list, prepare, verify};

/// The word of `homeiq`.
pub const NAME: &str = "models";

/// What can be done with models.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Fetch what is missing or damaged, and check it
    Prepare {
        /// Models, or `all` [default: `MODELS_TO_DOWNLOAD`, else what a service uses]
        #[arg(value_name = "MODEL", value_parser = known)]
        models: Vec<String>,
    },
    /// Show which models there are, how large, under which licence, and which are here
    List,
    /// Read every file and compare it with its digest; change nothing
    Verify {
        /// Models, or `all` [default: as for prepare, and what else is here]
        #[arg(value_name = "MODEL", value_parser = known)]
        models: Vec<String>,
    },
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its lines, and for each whether it is well.
    pub lines: Vec<(String, bool)>,
}

impl Ended {
    /// Whether all is well.
    pub fn is_fine(&self) -> bool {
        self.lines.iter().all(|(_, is_fine)| *is_fine)
    }

    /// All lines.
    pub fn text(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|(line, _)| line.as_str()).collect();
        lines.join("\n")
    }
}

/// A name on the command line, if it is one.
fn known(name: &str) -> Result<String, models::UnknownModel> {
    if name != ALL {
        Manifest::shipped().get(name)?;
    }
    Ok(name.to_owned())
}

/// The command `models` with its subcommands.
pub fn command() -> clap::Command {
    Command::augment_subcommands(
        clap::Command::new(NAME)
            .about(
                "Prepares the models that services use, such as that of the search in plain words",
            )
            .disable_help_subcommand(true),
    )
    .subcommand_required(true)
    .arg_required_else_help(true)
}

impl Command {
    /// What was said.
    ///
    /// # Errors
    /// It is none of the commands.
    pub fn of(arguments: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches(arguments)
    }
}

/// Does it.
pub async fn run(command: Command, mut settings: Settings, teller: Teller) -> Ended {
    let failed = |text: String| Ended {
        lines: vec![(text, false)],
    };
    match command {
        Command::List => Ended {
            lines: vec![(list(&settings), true)],
        },
        Command::Prepare { models } => {
            name(&mut settings, models);
            match prepare(&settings, teller).await {
                Err(unknown) => failed(unknown.to_string()),
                Ok(outcomes) => Ended {
                    lines: outcomes
                        .iter()
                        .map(|outcome| (outcome.to_string(), outcome.is_ready()))
                        .collect(),
                },
            }
        }
        Command::Verify { models } => {
            name(&mut settings, models);
            match verify(&settings).await {
                Err(failure) => failed(failure.to_string()),
                Ok(verdicts) => Ended {
                    lines: verdicts
                        .iter()
                        .map(|verdict| (verdict.to_string(), verdict.is_fine()))
                        .collect(),
                },
            }
        }
    }
}

fn name(settings: &mut Settings, models: Vec<String>) {
    if !models.is_empty() {
        settings.wanted = models;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_knows_the_models() {
        command().debug_assert();
        let said = |words: &[&str]| command().try_get_matches_from(words.iter().copied());
        let matches = said(&["models", "prepare", "flan-t5-small"]).unwrap();
        let wanted = Command::Prepare {
            models: vec!["flan-t5-small".to_owned()],
        };
        assert_eq!(Command::of(&matches).unwrap(), wanted);
        let refused = said(&["models", "prepare", "gpt"]).unwrap_err().to_string();
        assert!(refused.contains("all-MiniLM-L6-v2"), "{refused}");
    }
}
