//! `gantry manifest annotate`

use gantry_reference::Reference;

use super::lists::Lists;
use super::platforms;
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::{Strings, flags};
use crate::session::Session;

flags! {
    /// `gantry manifest annotate`
    pub(crate) struct Annotate {
        /// Set architecture
        "arch" => arch: String,
        /// Set operating system
        "os" => os: String,
        /// Set operating system feature
        "os-features" => os_features: Strings,
        /// Set operating system version
        "os-version" => os_version: String,
        /// Set architecture variant
        "variant" => variant: String,
    }
}

impl Command for Annotate {
    const USAGE: &'static str = "[OPTIONS] MANIFEST_LIST MANIFEST";
    const ABOUT: &'static str = "Add additional information to a local image manifest";
    const WORDS: Arity = Arity::Exactly(2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let parse = |word: &str, what: &str| {
            Reference::parse(word).map_err(|error| {
                Failure::new(format!(
                    "annotate: error parsing name for {what} {word}: {error}"
                ))
            })
        };
        let list = parse(&words[0], "manifest list")?;
        let name = parse(&words[1], "manifest")?;
        let lists = Lists::of(session.config().directory());
        let Some(mut manifest) = lists.get(&list, &name)? else {
            return Err(Failure::new(format!(
                "manifest for image {} does not exist in {}",
                words[1], words[0]
            )));
        };
        let platform = manifest.descriptor.platform.get_or_insert_default();
        for (given, kept) in [
            (&self.os, &mut platform.os),
            (&self.arch, &mut platform.architecture),
            (&self.variant, &mut platform.variant),
            (&self.os_version, &mut platform.os_version),
        ] {
            if !given.is_empty() {
                kept.clone_from(given);
            }
        }
        for feature in self.os_features.iter() {
            if !platform.os_features.contains(feature) {
                platform.os_features.push(feature.clone());
            }
        }
        if !platforms::exists(&platform.os, &platform.architecture) {
            return Err(Failure::new(format!(
                "manifest entry for image has unsupported os/arch combination: {}/{}",
                self.os, self.arch
            )));
        }
        lists.save(&list, &name, &manifest)
    }
}
