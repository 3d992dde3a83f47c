//! `gantry completion`

use crate::command::{Arity, Command};
use crate::completion::script;
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry completion`
    pub(crate) struct Completion {}
}

impl Command for Completion {
    const USAGE: &'static str = "bash|zsh|fish";
    const ABOUT: &'static str = "Generate the autocompletion script for the specified shell";
    const LONG: &'static str = "Generate the autocompletion script for the specified shell\n\n\
        bash:  source <(docker completion bash), or write it to /etc/bash_completion.d/docker\n\
        zsh:   docker completion zsh > \"${fpath[1]}/_docker\"\n\
        fish:  docker completion fish > ~/.config/fish/completions/docker.fish";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        match script(session.program.name, &words[0]) {
            Some(text) => {
                output::print(text);
                Ok(())
            }
            None => Err(Failure::new(format!(
                "{:?} is not a shell that completion is made for; expected bash, zsh or fish",
                words[0]
            ))),
        }
    }
}
