//! Lines of text in, the seconds that their vectors took out: `encode [FOLDER] < texts`. Without a folder the real weights are fetched
//! as for the tests. Prints one JSON object: `model`, `open_seconds`,
//! `seconds` (one for each round), `texts`, `peak_kib`.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use semantic::SentenceEncoder;

/// How often all texts are encoded.
const ROUNDS: usize = 5;

fn main() -> anyhow::Result<()> {
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => test_support::minilm::folder()?,
    };
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let texts: Vec<&str> = input.lines().collect();
    let begun = Instant::now();
    let encoder = SentenceEncoder::open(&folder)?;
    let open_seconds = begun.elapsed().as_secs_f64();
    let mut seconds = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let embeddings = encoder.encode(&texts)?;
        seconds.push(begun.elapsed().as_secs_f64());
        embeddings.last().context("no text, no vector")?;
    }
    let told = serde_json::json!({
        "model": folder,
        "open_seconds": open_seconds,
        "seconds": seconds,
        "texts": texts.len(),
        "peak_kib": peak_kib()?,
    });
    #[expect(clippy::print_stdout, reason = "a program that prints its result")]
    {
        println!("{told}");
    }
    Ok(())
}

/// The peak of this process's resident set.
fn peak_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("Linux tells VmHWM")?.parse()?)
}
