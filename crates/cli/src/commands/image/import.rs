//! `gantry import`

use std::fs::File;
use std::io::{Read, stdin};

use gantry_reference::Reference;

use crate::command::{Arity, Command};
use crate::environment::default_platform;
use crate::failure::Failure;
use crate::flags::{List, flags};
use crate::progress::{self, Target};
use crate::session::Session;
use crate::upload::chunks;

flags! {
    /// `gantry import`
    pub(crate) struct Import {
        /// Apply Dockerfile instruction to the created image
        "change" 'c' => change: List,
        /// Set commit message for imported image
        "message" 'm' => message: String,
        /// Set platform if server is multi-platform capable
        "platform" => platform: Option<String>,
    }
}

impl Command for Import {
    const USAGE: &'static str = "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]";
    const ABOUT: &'static str = "Import the contents from a tarball to create a filesystem image";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let (mut repository, mut tag) = (String::new(), String::new());
        if let Some(name) = words.get(1) {
            let reference = Reference::parse(name).map_err(Failure::new)?;
            if reference.digest().is_some() {
                return Err(Failure::new("cannot import digest reference"));
            }
            repository = reference.familiar_repository();
            reference.tag().unwrap_or_default().clone_into(&mut tag);
        }
        let source = &words[0];
        let is_url = source.starts_with("http://") || source.starts_with("https://");
        let input: Option<Box<dyn Read + Send>> = match source.as_str() {
            "-" => Some(Box::new(stdin())),
            _ if is_url => None,
            path => Some(Box::new(File::open(path).map_err(|error| {
                Failure::new(crate::create::open_error(path, &error))
            })?)),
        };
        let client = session.client().await?;
        let mut request = client
            .post("/images/create")
            .query("fromSrc", if is_url { source } else { "-" })
            .query("repo", repository)
            .query("tag", tag)
            .query("message", &self.message)
            .query_opt("platform", self.platform.or_else(default_platform));
        for change in self.change.iter() {
            request = request.query("changes", change);
        }
        if let Some(input) = input {
            request = request.stream("application/x-tar", chunks(input)?);
        }
        progress::show(request.send().await?, Target::Output).await
    }
}
