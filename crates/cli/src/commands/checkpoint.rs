//! `gantry checkpoint`: Docker has it only on a daemon with experimental features, which ours is not.

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

macro_rules! refused {
    ($($name:ident, $verb:literal, $usage:literal, $about:literal, $count:expr, {$($more:tt)*};)*) => {$(
        flags! {
            #[doc = concat!("`gantry checkpoint ", $verb, "`")]
            pub(crate) struct $name {
                /// Use a custom checkpoint storage directory
                "checkpoint-dir" => checkpoint_dir: String,
                $($more)*
            }
        }

        impl Command for $name {
            const USAGE: &'static str = $usage;
            const ABOUT: &'static str = $about;
            const WORDS: Arity = $count;

            async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
                Err(refusal(session, $verb))
            }
        }
    )*};
}
refused! {
    Create, "create", "[OPTIONS] CONTAINER CHECKPOINT",
        "Create a checkpoint from a running container", Arity::Exactly(2), {
            /// Leave the container running after checkpoint
            "leave-running" => leave_running: bool,
        };
    List, "ls", "[OPTIONS] CONTAINER",
        "List checkpoints for a container", Arity::Exactly(1), {};
    Remove, "rm", "[OPTIONS] CONTAINER CHECKPOINT",
        "Remove a checkpoint", Arity::Exactly(2), {};
}

fn refusal(session: &Session, verb: &str) -> Failure {
    Failure::new(format!(
        "{} checkpoint {verb} is only supported on a Docker daemon with experimental features enabled",
        session.program.name
    ))
}
