//! A shell in a step that failed: only our own command line offers it, only our own engine asks.

/// The one method: a container for the client to start. The answer comes when it has ended.
pub const SHELL: &str = "/gantry.build.v1.Debug/Shell";

/// A container that is made and not started.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ShellRequest {
    /// Its ID.
    #[prost(string, tag = "1")]
    pub container: String,
    /// The failure that led there.
    #[prost(string, tag = "2")]
    pub why: String,
}

/// It has ended.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ShellResponse {}
