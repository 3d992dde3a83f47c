//! `gantry manifest rm`

use gantry_reference::Reference;

use super::lists::Lists;
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::session::Session;

flags! {
    /// `gantry manifest rm`
    pub(crate) struct RemoveList {}
}

impl Command for RemoveList {
    const USAGE: &'static str = "MANIFEST_LIST [MANIFEST_LIST...]";
    const ABOUT: &'static str = "Delete one or more manifest lists from local storage";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let lists = Lists::of(session.config().directory());
        let remove = |word: &String| {
            let list = Reference::parse(word).map_err(Failure::new)?;
            lists.existing(&list)?;
            lists.remove(&list)
        };
        Failure::join(words.iter().filter_map(|word| remove(word).err()).collect())
    }
}
