//! What programs written for Docker find here: the answers of real Docker to a list of requests,
//! and real clients.

mod clients;
mod command_lines;
mod help;
mod listed;
mod plays;
