//! `gantry cp`

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry cp`
    pub(crate) struct Copy {
        /// Archive mode (copy all uid/gid information)
        "archive" 'a' => archive: bool,
        /// Always follow symbol link in SRC_PATH
        "follow-link" 'L' => follow_link: bool,
        /// Suppress progress output during copy. Progress output is automatically suppressed if no
        /// terminal is attached
        "quiet" 'q' => quiet: bool,
    }
}

impl Command for Copy {
    const USAGE: &'static str =
        "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH";
    const ABOUT: &'static str = "Copy files/folders between a container and the local filesystem\n\nUse '-' as the source to read a tar archive from stdin\nand extract it to a directory destination in a container.\nUse '-' as the destination to stream a tar archive of a\ncontainer source to stdout.";
    const WORDS: Arity = Arity::Exactly(2);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let _ = (session, words, self.archive, self.follow_link, self.quiet);
        Err(Failure::new("not yet"))
    }
}
