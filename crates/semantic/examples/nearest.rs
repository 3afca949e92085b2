//! Lines of text in; for each, the number of the other line that means most alike, and the cosine to it: `nearest [FOLDER] < texts`.
//! Without a folder the real weights are fetched as for the tests.

use std::io::Read as _;
use std::path::PathBuf;

use semantic::SentenceEncoder;

fn main() -> anyhow::Result<()> {
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => test_support::minilm::folder()?,
    };
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let texts: Vec<&str> = input.lines().collect();
    let embeddings = SentenceEncoder::open(&folder)?.encode(&texts)?;
    for (number, embedding) in embeddings.iter().enumerate() {
        let others = (0..embeddings.len()).filter(|other| *other != number);
        let near = others.map(|other| (other, embedding.similarity(&embeddings[other])));
        if let Some((other, cosine)) = near.max_by(|a, b| a.1.total_cmp(&b.1)) {
            #[expect(clippy::print_stdout, reason = "a program that prints its result")]
            {
                println!("{other} {cosine}");
            }
        }
    }
    Ok(())
}
