//! Builds to compare: `tests/build/*`, each a Dockerfile with a small context.
//!
//! Real Docker with BuildKit builds every case; what came out ([`Image`], or the error's text) is committed beside the
//! Dockerfile as `golden`. Our builds, through each [`Client`], are compared with that line by line ([`verdict`]). A line
//! that may differ is listed with its reason in `tests/build/differences.txt`; an entry that no longer differs is an error.

mod case;
mod client;
mod image;
mod listed;
mod shown;
mod tree;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub use case::Case;
pub use client::Client;
pub use image::Image;
pub use listed::Listed;

/// Where the cases are.
pub fn folder() -> PathBuf {
    crate::folder().join("../build")
}

/// Builds a case and says, as text, what came out; `work` is an empty folder.
pub fn play(case: &Case, client: &Client, work: &Path) -> Result<String> {
    let context = work.join(&case.name);
    case.prepare(&context)?;
    let tag = format!("corpus/{}", case.name.replace('_', "-"));
    let run = client.build(&tag, &case.options()?, &context)?;
    let text = if case.is_shown()? {
        shown::text(&run)
    } else if run.code == 0 {
        let archive = work.join(format!("{}.tar", case.name));
        client.save(&tag, &archive)?;
        let text = Image::read(&archive).map(|image| image.to_string());
        let _ = std::fs::remove_file(&archive);
        text.with_context(|| format!("the image of {}", case.name))?
    } else {
        format!("error {}\n", client::message(&run.stderr))
    };
    let _ = std::fs::remove_dir_all(&context);
    Ok(text)
}

/// Writes down what real Docker made of a case.
pub fn record(case: &Case, text: &str) -> Result<()> {
    let failed = text.starts_with("error ");
    if failed != case.fails()? && !case.is_shown()? {
        bail!(
            "{}: it {} with real Docker:\n{text}",
            case.name,
            if failed { "fails" } else { "does not fail" }
        );
    }
    std::fs::write(case.golden_path(), text)?;
    Ok(())
}

/// The lines in which a build differs from the golden one and that are not listed.
pub fn verdict(
    case: &Case,
    golden: &str,
    ours: &str,
    client: &str,
    listed: &mut Listed,
) -> Vec<String> {
    let mut left = Vec::new();
    for (sign, one, other) in [('-', golden, ours), ('+', ours, golden)] {
        let mut there: Vec<&str> = other.lines().collect();
        for line in one.lines() {
            if let Some(at) = there.iter().position(|known| *known == line) {
                there.remove(at);
                continue;
            }
            let shown = format!("{sign} {line}");
            if !listed.covers(&case.name, client, &shown) {
                left.push(format!("{} [{client}] {shown}", case.name));
            }
        }
    }
    left
}
