//! Ways out of a container that were found in others, each tried on ours. The names are those of
//! the reports.

mod descriptors;
mod host_files;
mod links;
mod nodes;
mod program;
