//! Images that leave the machine and come back, and images made here.

mod broken;
mod credentials;
mod lists;
mod made;
mod moved;
mod pushed;
pub(crate) mod registries;
mod removed;
mod used;
