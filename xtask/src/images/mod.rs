//! Real images made from Debian's packages, so that tests need no registry of the outside world.
//!
//! `debian` is the base; `nginx`, `redis`, `postgres`, `python`, `workshop` and `toolchain` are one layer
//! each on it (made with overlayfs, so their layers hold only what the packages changed); `busybox` is
//! a layer of its own. The result is the storage folder of a distribution registry, which a test
//! serves on a loopback port under Docker's names (`library/nginx:latest`).

mod layer;
mod layout;
mod push;
mod recipe;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cache;
use recipe::{RECIPES, Recipe};

/// Arguments of `cargo xtask images`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these (default: all but the large `toolchain`, which benchmarks ask for)
    names: Vec<String>,
    /// Make them again
    #[arg(long)]
    force: bool,
}

impl Args {
    /// Just this one.
    pub(crate) fn only(name: &str) -> Self {
        Self {
            names: vec![name.to_owned()],
            force: false,
        }
    }
}

/// Makes what is missing and prints the registry's storage folder.
pub(crate) fn run(args: &Args) -> Result<()> {
    let root = cache::dir();
    fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    for recipe in RECIPES.iter().filter(|r| wanted(r, &args.names)) {
        make(recipe, &root, args.force).with_context(|| format!("image {}", recipe.name))?;
    }
    println!("{}", registry_storage(&root).display());
    Ok(())
}

fn wanted(recipe: &Recipe, names: &[String]) -> bool {
    if names.is_empty() {
        !recipe.large
    } else {
        names.iter().any(|n| n == recipe.name)
    }
}

fn make(recipe: &Recipe, root: &Path, force: bool) -> Result<()> {
    let stamp = root
        .join("stamps")
        .join(format!("{}-{}", recipe.name, recipe.fingerprint()));
    if stamp.exists() && !force {
        return Ok(());
    }
    eprintln!("making image {}", recipe.name);
    let layers = layer::make(recipe, root)?;
    let layout = layout::write(recipe, &layers, &root.join("layouts").join(recipe.name))?;
    push::push(&layout, recipe.name, &registry_storage(root))?;
    fs::create_dir_all(root.join("stamps"))?;
    fs::write(&stamp, "")?;
    Ok(())
}

fn registry_storage(root: &Path) -> PathBuf {
    root.join("registry")
}
