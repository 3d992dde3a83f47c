//! Placeholder: the crate's page comes with its first content.
