//! `homeiq search`: asks the service that runs, in plain words.

use std::fmt::Write;
use std::time::Duration;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};
use common::cause::innermost;
use common::lifecycle::Failure;
use serde::Deserialize;
use url::Url;

/// The word of the command line.
pub(crate) const NAME: &str = "search";
/// A first search reads the whole home.
const PATIENCE: Duration = Duration::from_secs(30);

/// Finds habits, entities, areas and actions in plain words
///
/// It asks the ai-pattern-service that runs on this machine. Such as: homeiq search "what happens when we go to bed"
#[derive(Parser)]
#[command(name = NAME, disable_help_subcommand = true)]
struct Cli {
    /// What is looked for
    #[arg(required = true)]
    words: Vec<String>,
    /// Results at most
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Only these
    #[arg(long, value_name = "KIND", value_parser = ["habit", "entity", "area", "action"])]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    data: Found,
}

#[derive(Deserialize)]
struct Found {
    results: Vec<Hit>,
    semantic: String,
    home: Home,
}

#[derive(Deserialize)]
struct Hit {
    kind: String,
    id: String,
    title: String,
    text: String,
}

#[derive(Deserialize)]
struct Home {
    missing: Option<String>,
}

/// The command as `homeiq --help` lists it.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// Asks the service on this port; what it returns is printed.
pub(crate) async fn run(arguments: &ArgMatches, port: u16) -> Result<String, Failure> {
    let cli = Cli::from_arg_matches(arguments)?;
    let mut url = Url::parse(&format!("http://127.0.0.1:{port}/api/v1/search"))?;
    url.query_pairs_mut()
        .append_pair("q", &cli.words.join(" "))
        .append_pair("limit", &cli.limit.to_string());
    if let Some(kind) = &cli.kind {
        url.query_pairs_mut().append_pair("kind", kind);
    }
    common::tls::install();
    let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let asked = http.get(url).send().await;
    let response = asked.map_err(|error| {
        let reason = innermost(&error);
        format!("nobody answers on port {port}: {reason}. Start homeiq, or set PATTERN_SERVICE_PORT to where it serves")
    })?;
    let status = response.status();
    let body = response.text().await?;
    if !status.is_success() {
        return Err(format!("the search answers {status}: {body}").into());
    }
    Ok(page(&serde_json::from_str::<Answer>(&body)?.data))
}

fn page(found: &Found) -> String {
    let mut page = String::new();
    for Hit {
        kind,
        id,
        title,
        text,
    } in &found.results
    {
        let text = if text.is_empty() {
            String::new()
        } else {
            format!(" ({text})")
        };
        // A String takes whatever is written to it.
        writeln!(page, "{kind:<7} {title}{text}  [{id}]").ok();
    }
    if found.results.is_empty() {
        page.push_str("nothing found\n");
    }
    if let Some(missing) = &found.home.missing {
        writeln!(page, "({missing})").ok();
    }
    if found.semantic != "on" {
        writeln!(page, "(meaning: {})", found.semantic).ok();
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_after_what_was_found() {
        let answer = r#"{"data": {"results": [{"kind": "habit", "id": "p1", "title": "Lamp turns on", "text": "at night"},
            {"kind": "action", "id": "light.turn_on light.a", "title": "Turn on Lamp", "text": ""}],
            "semantic": "off (no model)", "home": {"missing": "data-api is away"}}}"#;
        let answer: Answer = serde_json::from_str(answer).expect("an answer");
        let told = page(&answer.data);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(
            lines,
            [
                "habit   Lamp turns on (at night)  [p1]",
                "action  Turn on Lamp  [light.turn_on light.a]",
                "(data-api is away)",
                "(meaning: off (no model))"
            ]
        );
    }
}
