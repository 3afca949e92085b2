//! `cargo xtask docker-test`: builds every image, starts the stack and tries it, on any Docker engine.

mod checks;
mod compose;
mod mirror;
mod models;
mod stack;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use clap::Args;

use self::compose::Compose;
use self::stack::Stack;
use crate::table;

/// The builder gets the sources, and nothing that makes every build slow.
const MAX_CONTEXT_BYTES: usize = 5_000_000;
const MAX_IMAGE_BYTES: u64 = 25_000_000;
/// Those with what computes with a model.
const MAX_IMAGE_BYTES_WITH_MODELS: u64 = 35_000_000;
const WITH_MODELS: &str = "ai-pattern-service";
const HEALTHY_WITHIN: Duration = Duration::from_secs(180);

#[derive(Args)]
pub(crate) struct Options {
    /// Only these services of compose.yaml, and those that they depend on (default: all)
    #[arg(long = "service", value_name = "NAME", num_args = 1..)]
    services: Vec<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("homeiq-docker-")
        .tempdir()?;
    let result = test(options, folder.path());
    if let Err(error) = result {
        let kept = folder.keep();
        return Err(error.context(format!("the logs are in {}", kept.display())));
    }
    Ok(())
}

fn test(options: &Options, folder: &std::path::Path) -> anyhow::Result<()> {
    let compose = Compose::new(folder)?;
    let services = compose.services()?;
    let chosen = services.choose(&options.services)?;
    let built = services.built(&chosen);
    if built.is_empty() {
        bail!(
            "nothing to build: none of {} has a `build` in compose.yaml",
            chosen.join(", ")
        );
    }
    let context = compose::context_bytes()?;
    let megabytes = context as f64 / 1e6;
    eprintln!("build context: {megabytes:.1} MB");
    ensure!(
        context < MAX_CONTEXT_BYTES,
        "the build context has {megabytes:.1} MB"
    );

    let is_whole = chosen.len() == services.len();
    let mut images = built.clone();
    if is_whole {
        images.push(compose::MODEL_PREP.to_owned());
    }
    eprintln!("building {}", images.join(", "));
    let started = Instant::now();
    compose.build(&images)?;
    eprintln!("built in {} s", started.elapsed().as_secs());

    let stack = Stack::start(&compose, &chosen, HEALTHY_WITHIN)?;
    let mut sizes = BTreeMap::new();
    let mut rows = Vec::new();
    for (service, seconds) in stack.seconds_to_healthy() {
        let bytes = stack.image_bytes(service)?;
        if built.contains(service) {
            sizes.insert(service.clone(), bytes);
        }
        let (size, time) = (
            format!("{:.1} MB", bytes as f64 / 1e6),
            format!("{seconds:.1} s"),
        );
        rows.push(vec![service.clone(), size, time]);
    }
    table::print(&["image", "size", "healthy after"], &rows);
    ensure!(
        sizes.len() == built.len(),
        "{} images were built, {} run",
        built.len(),
        sizes.len()
    );
    for (service, bytes) in sizes {
        let most = if service == WITH_MODELS {
            MAX_IMAGE_BYTES_WITH_MODELS
        } else {
            MAX_IMAGE_BYTES
        };
        ensure!(bytes < most, "the image of {service} has {bytes} bytes");
    }
    if chosen.iter().any(|service| service == "data-api") {
        checks::services_are_stored_twice_alike(&stack)?;
    }
    if is_whole {
        checks::the_demo_lives(&stack)?;
        checks::a_message_is_published(&stack)?;
    }
    checks::a_hanging_server_is_unhealthy(&stack, &built)?;
    checks::no_line_is_about_telemetry(&stack)?;
    models::nobody_speaks_of_them(&stack)?;
    checks::all_stop_in_order(&stack, &built)?;
    if is_whole {
        models::are_prepared_once_and_used(&compose, &stack)?;
    }
    eprintln!(
        "docker-test: {} images built, {} containers healthy",
        images.len(),
        chosen.len()
    );
    Ok(())
}
